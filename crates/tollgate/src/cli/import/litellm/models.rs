//! Upstreams, each with the models that its servers have.

use super::deployments::Deployment;
use super::providers::Api;
use crate::cli::import::draft::Names;
use crate::cli::import::report::Report;
use crate::cli::import::yaml::{Entries, Node};

/// Seconds that an answer may take where nothing is said: those of models in streams come late.
const TIMEOUT: u64 = 600;

/// The upstreams of a file.
#[derive(Debug, Default)]
pub struct Models {
    pub upstreams: Vec<Upstream>,
}

/// Servers with one credential, and what they have.
#[derive(Debug)]
pub struct Upstream {
    /// What it is called here.
    pub name: String,
    /// What its servers speak.
    pub api: Api,
    /// Where its first model stands in the file.
    pub place: String,
    /// Names that callers use; `*` stands for any text.
    pub models: Vec<String>,
    /// Names that a path may have in it, each with what the servers call the model.
    pub in_paths: Vec<(String, String)>,
    targets: Vec<(String, Option<u64>)>,
    credential: Option<Node>,
    timeout: Option<u64>,
}

impl Models {
    /// Puts servers of one model together, and models of the same servers.
    pub fn of(deployments: Vec<Deployment>, report: &mut Report) -> Self {
        let mut models: Vec<(String, Vec<Deployment>)> = Vec::new();
        for deployment in deployments {
            match models.iter_mut().find(|(name, _)| *name == deployment.model_name) {
                Some((_, servers)) => servers.push(deployment),
                None => models.push((deployment.model_name.clone(), vec![deployment])),
            }
        }
        let mut names = Names::default();
        let mut upstreams: Vec<Upstream> = Vec::new();
        for (model, servers) in models {
            let Some(made) = report.whole(|report| upstream(&model, &servers, report)) else { continue };
            let is_same =
                |have: &&mut Upstream| have.targets == made.targets && have.credential == made.credential;
            match upstreams.iter_mut().find(is_same) {
                Some(have) => {
                    have.models.push(model);
                    have.in_paths.extend(made.in_paths);
                }
                None => upstreams.push(Upstream { name: names.invent(&made.name), ..made }),
            }
        }
        Self { upstreams }
    }

    /// The section `upstreams`; `timeout` is what the file says of all of them, in seconds.
    pub fn upstreams(&self, timeout: Option<u64>) -> Entries {
        self.upstreams
            .iter()
            .map(|upstream| {
                let timeout = upstream.timeout.or(timeout).unwrap_or(TIMEOUT);
                (upstream.name.clone(), upstream.section(timeout))
            })
            .collect()
    }

    /// Whether any upstream has a model of this name.
    pub fn know(&self, model: &str) -> bool {
        self.upstreams.iter().any(|upstream| upstream.models.iter().any(|have| covers(model, have)))
    }
}

impl Upstream {
    fn section(&self, timeout: u64) -> Node {
        let targets = self.targets.iter().map(|(url, weight)| match weight {
            None => Node::text(url),
            Some(weight) => Node::Map(vec![
                ("url".to_owned(), Node::text(url)),
                ("weight".to_owned(), Node::Plain(weight.to_string())),
            ]),
        });
        let seconds = || Node::Plain(format!("{timeout}s"));
        let bounds = ["first_byte", "total", "idle"].map(|name| (name.to_owned(), seconds()));
        let mut entries: Entries = vec![("targets".to_owned(), Node::List(targets.collect()))];
        entries.extend(self.credential.clone().map(|own| ("credential".to_owned(), own)));
        entries.push(("timeout".to_owned(), Node::Map(bounds.to_vec())));
        Node::Section(entries)
    }
}

/// The servers of one model as an upstream.
fn upstream(model: &str, servers: &[Deployment], report: &mut Report) -> Option<Upstream> {
    let (first, others) = servers.split_first()?;
    for other in others {
        if other.credential != first.credential {
            report.lose(&other.place, "the servers of one upstream have one credential, and these differ");
        }
        if other.model != first.model {
            let why = format!("the server calls the model {:?} and another {:?}", other.model, first.model);
            report.lose(&other.place, &format!("{why}; this gate does not change bodies"));
        }
    }
    let api = first.provider.api;
    if first.model != model {
        let mut note =
            format!("callers name {:?} instead of {model:?}: this gate does not change bodies", first.model);
        if api == Api::Azure {
            note.push_str("; where the path has the name, it stays as it is");
        }
        report.note(&first.place, &note);
    }
    let in_path = match api {
        Api::Openai => Some(&*first.model),
        Api::Azure => Some(model),
        Api::Anthropic => None,
    };
    let mut targets: Vec<(String, Option<u64>)> = Vec::new();
    for server in servers {
        if !targets.iter().any(|(base, _)| *base == server.base) {
            targets.push((server.base.clone(), server.weight.filter(|weight| *weight > 0)));
        }
    }
    Some(Upstream {
        name: first.provider.name.to_owned(),
        api,
        place: first.place.clone(),
        models: vec![model.to_owned()],
        in_paths: in_path
            .filter(|name| is_segment(name) && is_segment(&first.model))
            .map(|name| (name.to_owned(), first.model.clone()))
            .into_iter()
            .collect(),
        targets,
        credential: first.credential.clone(),
        timeout: servers.iter().filter_map(|server| server.timeout).max(),
    })
}

/// Whether a name can be a segment of a path as it is written.
fn is_segment(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) && !name.starts_with('.')
}

/// Whether what a key is granted covers a model: its name, `*`, or a beginning and `*`.
pub fn covers(granted: &str, model: &str) -> bool {
    granted == model || granted.strip_suffix('*').is_some_and(|beginning| model.starts_with(beginning))
}
