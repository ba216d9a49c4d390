//! What the demonstration shows: addresses, keys, the matrix, and lines to paste.

use std::fmt::Write;

use serde_json::{Value, json};
use tollgate_models::demo::Model;
use tollgate_models::service::EXAMPLE;

use super::Met;
use crate::demo::keys::ServiceKeys;
use crate::demo::service::{PREDICTS, TRAINS};
use crate::demo::{Demo, SERVICES};

/// A request body that shows what the model does.
pub(super) const fn sample(model: Model) -> &'static str {
    match model {
        Model::Sentiment => r#"{"text":"What a wonderful day"}"#,
        Model::Regression => r#"{"features":{"bmi":31.2,"bp":104,"s5":5.1}}"#,
        Model::Classification => r#"{"inputs":[[5.9,3.0,5.1,1.8]]}"#,
    }
}

/// Everything as one text.
pub(super) fn text(demo: &Demo, met: &[Met], colour: bool) -> String {
    let paint = Paint(colour);
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut out, demo, met, &paint);
    out
}

/// The same for programs.
pub(super) fn json(demo: &Demo, met: &[Met]) -> Value {
    let cells: Vec<Value> = met
        .iter()
        .map(|met| json!({ "consumer": met.consumer, "route": met.model.name(), "status": met.status.as_u16() }))
        .collect();
    let keys: Vec<Value> = demo.keys.iter().map(credentials).collect();
    let curl: Vec<String> = lines(demo).into_iter().map(|(_, line)| line).collect();
    json!({
        "gate": format!("http://{}", demo.gate()),
        "admin": demo.server().control_addresses().admin.map(|address| format!("http://{address}")),
        "admin_key": demo.admin_key,
        "config": demo.configuration_file(),
        "keys": keys,
        "cells": cells,
        "curl": curl,
    })
}

/// What one consumer can sign and present; `private_key` is a file.
fn credentials(keys: &ServiceKeys) -> Value {
    json!({
        "consumer": keys.name,
        "api_key": keys.api_key,
        "jwt": { "key": keys.jwt_key, "private_key": keys.private_key },
        "hawk": { "id": keys.hawk_id, "key": keys.hawk_key },
    })
}

fn write(out: &mut String, demo: &Demo, met: &[Met], paint: &Paint) -> std::fmt::Result {
    writeln!(out, "{}", paint.bold("Tollgate guards three models and a model service"))?;
    writeln!(out)?;
    writeln!(out, "  gate    http://{}", demo.gate())?;
    if let Some(admin) = demo.server().control_addresses().admin {
        writeln!(out, "  admin   http://{admin}/docs  (key: {})", demo.admin_key)?;
    }
    let service = demo.gate();
    writeln!(out, "  models  http://{service}/docs  ({TRAINS} trains, {PREDICTS} predicts)")?;
    writeln!(out, "  config  {}  (edit it: it reloads)", demo.configuration_file().display())?;
    writeln!(out)?;
    matrix(out, met, paint)?;
    writeln!(out)?;
    writeln!(out, "{}", paint.bold("API keys"))?;
    for keys in &demo.keys {
        writeln!(out, "  {:<12}{}", keys.name, keys.api_key)?;
    }
    let mut scheme = "";
    for (name, line) in lines(demo) {
        if name != scheme {
            writeln!(out, "\n{}", paint.bold(name))?;
            scheme = name;
        }
        writeln!(out, "{line}")?;
    }
    writeln!(out)?;
    writeln!(out, "Ctrl-C ends it and removes the keys.")
}

fn matrix(out: &mut String, met: &[Met], paint: &Paint) -> std::fmt::Result {
    write!(out, "  {:<12}", "")?;
    for model in Model::all() {
        write!(out, "{:<18}", model.name())?;
    }
    writeln!(out)?;
    for (service, _) in SERVICES {
        write!(out, "  {service:<12}")?;
        for cell in met.iter().filter(|met| met.consumer == service) {
            let mark = if cell.status.is_success() { paint.green("✓") } else { paint.red("✗") };
            write!(out, "{mark} {:<16}", cell.status.as_u16())?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// For each scheme, and for the model service: two calls that pass and one that is refused.
fn lines(demo: &Demo) -> Vec<(&'static str, String)> {
    let [a, b, ..] = demo.keys.as_slice() else { return Vec::new() };
    let calls = [
        (a, Model::Sentiment, "200"),
        (b, Model::Classification, "200"),
        (b, Model::Regression, "refused: 403, service_b may not call regression"),
    ];
    let mut lines = Vec::new();
    for (scheme, header) in [("API key", api_key as Header), ("JSON Web Token (RS256)", jwt), ("Hawk", hawk)]
    {
        for (keys, model, comment) in calls {
            let url = format!("http://{}/predict/{}", demo.gate(), model.name());
            let body = sample(model);
            let header = header(keys, &url, body);
            let line = format!(
                "curl -sS {url} -H {header} -H 'Content-Type: application/json' -d '{body}'  # {comment}"
            );
            lines.push((scheme, line));
        }
    }
    lines.extend(service_lines(demo).into_iter().map(|line| ("Model service", line)));
    lines
}

/// What the model service has learnt is asked by its name, or by the open inference protocol; few may train.
fn service_lines(demo: &Demo) -> Vec<String> {
    let by_name = format!("/api/v1/models/{EXAMPLE}/predict");
    let infer = format!("/v2/models/{EXAMPLE}/infer");
    let row = r#"{"inputs":{"rainfall":110.0,"mean_temperature":26.0}}"#;
    let tensor = r#"{"inputs":[{"name":"input","shape":[1,2],"datatype":"FP64","data":[110.0,26.0]}]}"#;
    let refused = format!("refused: 403, {PREDICTS} may not train");
    let calls = [
        (TRAINS, by_name.as_str(), row, "200"),
        (PREDICTS, infer.as_str(), tensor, "200"),
        (PREDICTS, "/api/v1/ml/\\$train", "{}", refused.as_str()),
    ];
    let line = |(consumer, path, body, comment): (&str, &str, &str, &str)| {
        let keys = demo.keys.iter().find(|keys| keys.name == consumer)?;
        let (url, header) = (format!("http://{}{path}", demo.gate()), api_key(keys, "", ""));
        Some(format!(
            "curl -sS {url} -H {header} -H 'Content-Type: application/json' -d '{body}'  # {comment}"
        ))
    };
    calls.into_iter().filter_map(line).collect()
}

type Header = fn(&ServiceKeys, &str, &str) -> String;

fn api_key(keys: &ServiceKeys, _url: &str, _body: &str) -> String {
    format!("'X-API-Key: {}'", keys.api_key)
}

fn jwt(keys: &ServiceKeys, _url: &str, _body: &str) -> String {
    let path = keys.private_key.display();
    format!("\"$({} sign jwt --key {} --private-key {path})\"", program(), keys.jwt_key)
}

fn hawk(keys: &ServiceKeys, url: &str, body: &str) -> String {
    let (id, key) = (&keys.hawk_id, &keys.hawk_key);
    format!("\"$({} sign hawk --id {id} --key {key} --method POST --data '{body}' {url})\"", program())
}

/// How a shell finds this program: by name where `PATH` leads to it, else by its place.
fn program() -> String {
    let Ok(own) = std::env::current_exe() else { return "tollgate".into() };
    let on_path = std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path)
            .any(|directory| directory.join("tollgate").canonicalize().is_ok_and(|p| p == own))
    });
    if on_path {
        return "tollgate".into();
    }
    own.display().to_string()
}

/// Colours, where somebody sees them.
struct Paint(bool);

impl Paint {
    fn wrap(&self, code: &str, text: &str) -> String {
        match self.0 {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }

    fn bold(&self, text: &str) -> String {
        self.wrap("1", text)
    }

    fn green(&self, text: &str) -> String {
        self.wrap("32", text)
    }

    fn red(&self, text: &str) -> String {
        self.wrap("31", text)
    }
}
