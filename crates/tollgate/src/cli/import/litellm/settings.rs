//! Everything beside the models: what the proxy does to requests, keys and logs.

use super::deployments::seconds;
use crate::cli::import::members::Members;
use crate::cli::import::report::Report;

/// What watches, stores and shows, and lets nobody in and keeps nobody out.
const GENERAL: [&str; 17] = [
    "alert_to_webhook_url",
    "alert_types",
    "alerting",
    "alerting_args",
    "alerting_threshold",
    "allow_requests_on_db_unavailable",
    "background_health_checks",
    "database_connection_pool_limit",
    "database_connection_timeout",
    "database_type",
    "database_url",
    "disable_spend_logs",
    "health_check_details",
    "health_check_interval",
    "proxy_batch_write_at",
    "store_model_in_db",
    "ui_access_mode",
];

const LIBRARY: [&str; 16] = [
    "cache_params",
    "callbacks",
    "default_team_settings",
    "drop_params",
    "failure_callback",
    "json_logs",
    "langfuse_default_tags",
    "modify_params",
    "num_retries",
    "redact_user_api_key_info",
    "require_auth_for_metrics_endpoint",
    "service_callback",
    "set_verbose",
    "success_callback",
    "telemetry",
    "turn_off_message_logging",
];

const ROUTER: [&str; 16] = [
    "allowed_fails",
    "allowed_fails_policy",
    "cooldown_time",
    "debug_level",
    "disable_cooldowns",
    "enable_pre_call_checks",
    "num_retries",
    "optional_pre_call_checks",
    "redis_host",
    "redis_password",
    "redis_port",
    "redis_url",
    "retry_after",
    "retry_policy",
    "routing_strategy",
    "routing_strategy_args",
];

/// What a model that fails is replaced by.
const FALLBACKS: [&str; 4] =
    ["content_policy_fallbacks", "context_window_fallbacks", "default_fallbacks", "fallbacks"];

/// Reads the sections and reports what has no counterpart. Gives the seconds that an answer may take, where the file
/// says so.
pub fn read(members: &mut Members<'_>, report: &mut Report) -> Option<u64> {
    if let Some(mut general) = members.members("general_settings", report) {
        if general.take("master_key").is_some() {
            let note = "left out: it is the key of administrators, who get another from `tollgate init`; \
                        where callers use it, declare a consumer with `api_key: { env: LITELLM_MASTER_KEY }`";
            report.note(&general.place_of("master_key"), note);
        }
        general.skip(&GENERAL);
        general.finish(report);
    }
    let mut timeout = None;
    if let Some(mut library) = members.members("litellm_settings", report) {
        timeout = library.take("request_timeout").and_then(seconds);
        fallbacks(&mut library, report);
        if library.flag("cache", report) == Some(true) {
            report.note(&library.place_of("cache"), "left out: answers are not kept");
        }
        library.skip(&LIBRARY);
        library.finish(report);
    }
    if let Some(mut router) = members.members("router_settings", report) {
        timeout = router.take("timeout").and_then(seconds).or(timeout);
        fallbacks(&mut router, report);
        router.skip(&ROUTER);
        router.finish(report);
        let note = "of the servers of an upstream the one with the fewest open requests is asked";
        report.notes.push(note.to_owned());
    }
    if members.take("environment_variables").is_some() {
        let note = "set those that are still used in the gate's environment";
        report.note("environment_variables", note);
    }
    timeout
}

fn fallbacks(members: &mut Members<'_>, report: &mut Report) {
    for name in FALLBACKS {
        if members.take(name).is_some() {
            report.note(
                &members.place_of(name),
                "left out: a failed request is answered, not sent to another model",
            );
        }
    }
}
