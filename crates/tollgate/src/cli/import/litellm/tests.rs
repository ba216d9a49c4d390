use super::*;
use crate::cli::import::loader;

/// The files beside the command's other ones.
fn file(name: &str) -> String {
    let path = format!("{}/tests/cli/import/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

fn import(config: &str, keys: Option<&str>) -> Imported {
    let keys = keys.map(|keys| table::parse(keys, "keys").unwrap());
    let env = |name: &str| (name == "VLLM_BASE").then(|| "http://vllm:8000/v1/".to_owned());
    let around = Around { env: &env, now: "2026-06-01T00:00:00Z".parse().unwrap() };
    convert(&loader::parse(config).unwrap(), keys.as_deref(), &around).unwrap()
}

#[track_caller]
fn golden(name: &str, found: &str) {
    let path = format!("{}/tests/cli/import/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var("INSTA_UPDATE").is_ok_and(|mode| mode == "always") {
        std::fs::write(&path, found).unwrap();
    }
    assert_eq!(found, std::fs::read_to_string(&path).unwrap_or_default(), "{name}");
}

#[test]
fn one_upstream_keeps_its_paths_and_its_keys() {
    for (keys, expected) in [("litellm-keys.csv", 0), ("litellm-keys.json", 0)] {
        let Imported { config, report } = import(&file("litellm-one.yaml"), Some(&file(keys)));
        assert_eq!(report.lost.len(), expected, "{:#?}", report.lost);
        golden("litellm-one.tollgate.yaml", &config);
    }
}

#[test]
fn several_upstreams_have_a_path_each() {
    for name in ["several", "mixed"] {
        let Imported { config, report } = import(&file(&format!("litellm-{name}.yaml")), None);
        golden(&format!("litellm-{name}.tollgate.yaml"), &config);
        golden(&format!("litellm-{name}.notes"), &[report.notes, report.lost].concat().join("\n"));
    }
}

const MODEL: &str = "{ model_name: m, litellm_params: { model: openai/m, api_key: os.environ/K } }";

/// A file with this item of `model_list` and these lines beside it.
#[track_caller]
fn check(item: &str, beside: &str, keys: Option<&str>, expected: &[&str]) {
    let Imported { report, .. } = import(&format!("model_list: [{item}]\n{beside}"), keys);
    let begins = expected.iter().all(|begin| report.lost.iter().any(|line| line.starts_with(begin)));
    assert!(begins && report.lost.is_empty() == expected.is_empty(), "{:#?}", report.lost);
}

#[test]
fn what_cannot_be_carried_over() {
    let model = |parameters: &str| format!("{{ model_name: m, litellm_params: {{ {parameters} }} }}");
    let check_model = |parameters: &str, expected: &[&str]| check(&model(parameters), "", None, expected);
    check(MODEL, "", None, &[]);
    check_model(
        "model: bedrock/m, aws_region_name: eu-central-1",
        &["`model_list[0].litellm_params.model`: LiteLLM translates for the provider \"bedrock\""],
    );
    for other in ["vertex_ai/gemini-2.0-flash", "gemini-2.0-flash", "command-r", "azure_ai/m", "sagemaker/m"]
    {
        check_model(&format!("model: {other}"), &["`model_list[0].litellm_params.model`"]);
    }
    check_model("model: claude-3-opus", &["`model_list[0]`: LiteLLM translates between the APIs"]);
    check_model("model: gemini/gemini-2.0-flash", &[]);
    for base in ["https://x.openai.azure.com", "https://x/openai/", "https://x/openai/v1/"] {
        check_model(&format!("model: azure/m, api_base: '{base}', api_version: '2024-10-21'"), &[]);
    }
    let place = "`model_list[0].litellm_params.api_base`";
    check_model("model: azure/m, api_base: 'https://x/openai/deployments/m'", &[place]);
    check_model("model: azure/m", &[place]);
    check_model(
        "model: azure/m, api_base: 'https://x', azure_ad_token: os.environ/T",
        &["`model_list[0].litellm_params.azure_ad_token`"],
    );
    check_model("model: hosted_vllm/m", &["`model_list[0].litellm_params.api_base`: it is missing"]);
    check_model("model: openai/m, api_base: os.environ/GONE", &["`model_list[0].litellm_params.api_base`"]);
    check_model("model: openai/m, api_base: 'ftp://x'", &["`model_list[0].litellm_params.api_base`"]);
    check_model("model: openai/m, temperature: 0.2", &["`model_list[0].litellm_params.temperature`"]);
    check_model("model: openai/m, api_base: os.environ/VLLM_BASE, rpm: 6", &[]);
    let two = format!("{MODEL}, {}", model("model: openai/m, api_key: other"));
    check(&two, "", None, &["`model_list[1]`: the servers of one upstream"]);
    check(MODEL, "general_settings: { custom_auth: x }", None, &["`general_settings.custom_auth`"]);
    check(MODEL, "litellm_settings: { guardrails: [] }", None, &["`litellm_settings.guardrails`"]);
    check(
        MODEL,
        "router_settings: { model_group_alias: {} }",
        None,
        &["`router_settings.model_group_alias`"],
    );
    check(MODEL, "include: [x.yaml]", None, &["`include`"]);
}

#[test]
fn keys_that_cannot_be_carried_over() {
    let digest = "a".repeat(64);
    let check_key = |members: &str, expected: &[&str]| {
        let two = format!(
            "{MODEL}, {{ model_name: n, litellm_params: {{ model: openai/n, api_key: os.environ/K }} }}"
        );
        check(&two, "", Some(&format!("[{{ \"token\": \"{digest}\", {members} }}]")), expected);
    };
    check_key(r#""models": ["m", "n"], "spend": 4"#, &[]);
    check_key(r#""models": []"#, &[]);
    check_key(r#""models": ["m"]"#, &["`keys[0]`: the key may use 1 of the 2 models"]);
    check_key(r#""models": ["x"]"#, &["`keys[0]`: it may use no model"]);
    check_key(r#""team_id": "t""#, &["`keys[0].models`: the key may use its team's"]);
    check_key(r#""team_id": "t", "team_models": ["all-proxy-models"]"#, &[]);
    check_key(r#""expires": "2027-01-01 00:00:00""#, &["`keys[0].expires`: a key of the file"]);
    check_key(r#""expires": "2025-01-01T00:00:00.000Z""#, &[]);
    check_key(r#""expires": "soon""#, &["`keys[0].expires`: \"soon\" is no time"]);
    check_key(r#""blocked": true, "allowed_routes": ["x"]"#, &[]);
    check_key(r#""allowed_routes": ["x"]"#, &["`keys[0].allowed_routes`"]);
    check_key(r#""max_budget": 5"#, &["`keys[0].max_budget`: a budget for the whole life"]);
    check_key(r#""max_budget": 5, "budget_duration": "7d""#, &["`keys[0].max_budget`"]);
    check_key(r#""rpm_limit": -1"#, &["`keys[0].rpm_limit`: \"-1\" is no limit"]);
    check(MODEL, "", Some(r#"[{ "token": "short" }]"#), &["`keys[0].token`: it is no digest"]);
    check(MODEL, "", Some(r#"[{ "key_alias": "x" }]"#), &["`keys[0].token`: it is missing"]);
}

#[test]
fn tables_are_read_in_every_form() {
    let one = r#"{"token":"x","models":["a"]}"#;
    for text in [format!("[{one}]"), format!("{{\"keys\":[{one}],\"total\":1}}"), one.to_owned()] {
        assert_eq!(table::parse(&text, "f").unwrap()[0]["token"], "x", "{text}");
    }
    assert_eq!(table::parse(&format!("{one}\n{one}\n"), "f").unwrap().len(), 2);
    let rows = table::parse("token,models\r\n\"a\"\"b\",\"{m,\"\"n o\"\"}\"\n\nc,\n", "f").unwrap();
    assert_eq!((rows.len(), rows[0]["token"].as_str()), (2, Some("a\"b")));
    assert_eq!(table::texts(&rows[0]["models"]).unwrap(), ["m", "n o"]);
    assert!(table::texts(&rows[1]["models"]).unwrap().is_empty());
    for text in ["", "[1]", "a,b\n1,2", "token\n\"x", "token,b\n1", "[{", "{\"token\""] {
        assert!(table::parse(text, "f").is_err(), "{text}");
    }
}
