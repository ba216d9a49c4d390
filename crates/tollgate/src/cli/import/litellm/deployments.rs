//! The items of `model_list`: a model's public name, and a server that has it.

use serde_json::Value;

use super::Around;
use super::providers::{self, Api, Provider};
use crate::cli::import::members::Members;
use crate::cli::import::report::Report;
use crate::cli::import::yaml::Node;

/// One server that has one model.
#[derive(Debug, Clone, PartialEq)]
pub struct Deployment {
    /// Where it stands in the file.
    pub place: String,
    /// What callers name it.
    pub model_name: String,
    /// What the server calls it.
    pub model: String,
    /// Who runs the server, and what it speaks.
    pub provider: Provider,
    /// The base of its addresses, to which `/chat/completions` is added.
    pub base: String,
    /// What the gate presents there.
    pub credential: Option<Node>,
    /// Its share among the servers of one model.
    pub weight: Option<u64>,
    /// Seconds that an answer may take.
    pub timeout: Option<u64>,
}

/// Members of `litellm_params` that change no request.
const BESIDE: [&str; 12] = [
    "rpm",
    "tpm",
    "tags",
    "max_parallel_requests",
    "input_cost_per_token",
    "output_cost_per_token",
    "input_cost_per_second",
    "output_cost_per_second",
    "max_retries",
    "num_retries",
    "stream_timeout",
    "use_in_pass_through",
];

/// The deployments that can be carried over.
pub fn read(list: Vec<(&Value, String)>, around: &Around<'_>, report: &mut Report) -> Vec<Deployment> {
    list.into_iter()
        .filter_map(|(item, place)| {
            report.whole(|report| deployment(Members::of(item, place, report)?, around, report))
        })
        .collect()
}

fn deployment(mut members: Members<'_>, around: &Around<'_>, report: &mut Report) -> Option<Deployment> {
    let place = members.place().to_owned();
    let model_name = members.need("model_name", Members::id, report);
    let parameters = members.need("litellm_params", Members::members, report);
    // Names, costs and abilities, which nothing here asks for.
    members.skip(&["model_info"]);
    members.finish(report);
    let (model_name, mut parameters) = (model_name?, parameters?);
    let model = parameters.need("model", Members::text, report)?;
    let custom = parameters.text("custom_llm_provider", report);
    let (provider, model) = match providers::of(model, custom) {
        Ok(found) => found,
        Err(other) => {
            let why = format!(
                "LiteLLM translates for the provider {other:?}; this gate sends requests on as they are, \
                 to servers that speak the API of OpenAI or of Anthropic"
            );
            report.lose(&parameters.place_of("model"), &why);
            return None;
        }
    };
    let base = base(&mut parameters, provider, around, report);
    let key = key(&mut parameters, provider, report);
    let weight = parameters.number("weight", report);
    let timeout = parameters.take("timeout").and_then(seconds);
    if provider.api == Api::Azure && parameters.take("api_version").is_some() {
        let note =
            "left out: the addresses below `/openai/v1` have no version, and with others callers send theirs";
        report.note(&parameters.place_of("api_version"), note);
    }
    note_beside(&mut parameters, report);
    for (_, _, place) in parameters.take_all() {
        report.lose(&place, "it would change requests on their way, which this gate sends on as they are");
    }
    let (model, credential) = (model.to_owned(), key.map(|key| provider.api.credential(key)));
    Some(Deployment { place, model_name, model, provider, base: base?, credential, weight, timeout })
}

fn note_beside(parameters: &mut Members<'_>, report: &mut Report) {
    for name in BESIDE {
        if parameters.take(name).is_some() && matches!(name, "rpm" | "tpm" | "max_parallel_requests") {
            report.note(
                &parameters.place_of(name),
                "left out: limits are of callers and routes here, not of servers",
            );
        }
    }
}

/// The base of the server's addresses, in the form of a target.
fn base(
    parameters: &mut Members<'_>,
    provider: Provider,
    around: &Around<'_>,
    report: &mut Report,
) -> Option<String> {
    let member = if parameters.has("base_url") { "base_url" } else { "api_base" };
    let place = parameters.place_of(member);
    let given = parameters.text(member, report);
    let azure = (provider.api == Api::Azure).then_some("os.environ/AZURE_API_BASE");
    let Some(text) = given.or(provider.base).or(azure) else {
        report.lose(&place, "it is missing, so nobody knows where the server is");
        return None;
    };
    let text = match text.strip_prefix("os.environ/") {
        None => text.to_owned(),
        Some(name) => match (around.env)(name).filter(|value| !value.is_empty()) {
            Some(value) => {
                report.note(&place, &format!("the value that `{name}` has now is written into the file"));
                value
            }
            None => {
                report
                    .lose(&place, &format!("a target is written into the file; set `{name}` for the import"));
                return None;
            }
        },
    };
    let Some(mut base) = provider.api.base(&text) else {
        report.lose(&place, &format!("{text:?} is no address of a resource in Azure"));
        return None;
    };
    if provider.name.starts_with("ollama") && !base.ends_with("/v1") {
        // LiteLLM speaks Ollama's own API; the same server has OpenAI's below `/v1`.
        base.push_str("/v1");
    }
    let url: Option<http::Uri> = base.parse().ok();
    let is_url = url.is_some_and(|url| {
        matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some() && url.query().is_none()
    });
    if !is_url || base.contains('@') {
        report.lose(&place, &format!("{base:?} is no address of a server"));
        return None;
    }
    Some(base)
}

/// What the gate presents to the server, as a reference where the file has one.
fn key(parameters: &mut Members<'_>, provider: Provider, report: &mut Report) -> Option<Node> {
    let place = parameters.place_of("api_key");
    let Some(text) = parameters.text("api_key", report) else {
        let name = provider.key?;
        report.note(&place, &format!("taken from `{name}`, as LiteLLM does"));
        return Some(Node::one("env", Node::text(name)));
    };
    match text.strip_prefix("os.environ/") {
        Some(name) => Some(Node::one("env", Node::text(name))),
        None if text.is_empty() => None,
        None => {
            report.note(&place, "the secret stands in the file itself; `{ env: NAME }` would keep it out");
            Some(Node::text(text))
        }
    }
}

/// Seconds, at least one.
pub fn seconds(value: &Value) -> Option<u64> {
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        _ => return None,
    };
    text.split('.').next()?.parse::<u64>().ok().map(|seconds| seconds.max(1))
}
