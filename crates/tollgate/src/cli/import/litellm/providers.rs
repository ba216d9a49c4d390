//! Providers whose own API callers can speak, so that requests can go on as they are: most have that of OpenAI.

use crate::cli::import::yaml::Node;

/// What LiteLLM assumes of a provider where a deployment does not say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Provider {
    /// What stands before the `/` of a model.
    pub name: &'static str,
    /// What its servers speak.
    pub api: Api,
    /// The base of its addresses.
    pub base: Option<&'static str>,
    /// The variable that has the key.
    pub key: Option<&'static str>,
}

/// What a provider's servers speak, and where they look for the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// That of OpenAI: `Authorization: Bearer`.
    Openai,
    /// The same in Azure: with `/v1` below the resource, with a path for each model beside it, and with `api-key`.
    Azure,
    /// That of Anthropic: `/messages`, `x-api-key`.
    Anthropic,
}

impl Api {
    /// The base of its addresses where the deployment says `given`; nothing where that is none of its addresses.
    pub fn base(self, given: &str) -> Option<String> {
        let given = given.trim_end_matches('/');
        match self {
            Self::Openai => Some(given.to_owned()),
            Self::Azure => {
                let resource = given.strip_suffix("/v1").unwrap_or(given);
                let resource = resource.strip_suffix("/openai").unwrap_or(resource);
                // What else stands below a resource has another form, or a model in it.
                let (_, host) = resource.split_once("://")?;
                (!host.contains('/')).then(|| format!("{resource}/openai"))
            }
            Self::Anthropic => {
                let host = given.strip_suffix("/messages").unwrap_or(given);
                let host = host.strip_suffix("/v1").unwrap_or(host);
                Some(format!("{host}/v1"))
            }
        }
    }

    /// What the gate presents.
    pub fn credential(self, key: Node) -> Node {
        let header = |name| {
            Node::Map(vec![("header".to_owned(), Node::text(name)), ("value".to_owned(), key.clone())])
        };
        match self {
            Self::Openai => Node::one("bearer", key),
            Self::Azure => header("api-key"),
            Self::Anthropic => header("x-api-key"),
        }
    }
}

const fn at(name: &'static str, base: &'static str, key: &'static str) -> Provider {
    Provider { name, api: Api::Openai, base: Some(base), key: Some(key) }
}

/// A server of one's own: the deployment says where.
const fn own(name: &'static str) -> Provider {
    Provider { name, api: Api::Openai, base: None, key: None }
}

const PROVIDERS: &[Provider] = &[
    at("openai", "https://api.openai.com/v1", "OPENAI_API_KEY"),
    at("text-completion-openai", "https://api.openai.com/v1", "OPENAI_API_KEY"),
    at("groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    at("mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    at("deepseek", "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
    at("together_ai", "https://api.together.xyz/v1", "TOGETHERAI_API_KEY"),
    at("fireworks_ai", "https://api.fireworks.ai/inference/v1", "FIREWORKS_AI_API_KEY"),
    at("openrouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    at("perplexity", "https://api.perplexity.ai", "PERPLEXITYAI_API_KEY"),
    at("xai", "https://api.x.ai/v1", "XAI_API_KEY"),
    at("cerebras", "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"),
    at("nvidia_nim", "https://integrate.api.nvidia.com/v1", "NVIDIA_NIM_API_KEY"),
    at("deepinfra", "https://api.deepinfra.com/v1/openai", "DEEPINFRA_API_KEY"),
    at("gemini", "https://generativelanguage.googleapis.com/v1beta/openai", "GEMINI_API_KEY"),
    Provider { name: "azure", api: Api::Azure, base: None, key: Some("AZURE_API_KEY") },
    Provider {
        name: "anthropic",
        api: Api::Anthropic,
        base: Some("https://api.anthropic.com"),
        key: Some("ANTHROPIC_API_KEY"),
    },
    own("hosted_vllm"),
    own("openai_like"),
    own("custom_openai"),
    own("litellm_proxy"),
    own("lm_studio"),
    own("llamafile"),
    own("xinference"),
    own("ollama"),
    own("ollama_chat"),
];

/// The provider of a model and the model's name there; the provider's word alone where it speaks another API.
///
/// A model without a provider is OpenAI's, or of another that LiteLLM knows by its beginning.
pub fn of<'a>(model: &'a str, custom: Option<&'a str>) -> Result<(Provider, &'a str), &'a str> {
    let known = |name: &str| PROVIDERS.iter().copied().find(|provider| provider.name == name);
    if let Some(name) = custom {
        let bare = model.strip_prefix(name).and_then(|rest| rest.strip_prefix('/')).unwrap_or(model);
        return known(name).map(|provider| (provider, bare)).ok_or(name);
    }
    match model.split_once('/') {
        Some((name, rest)) => {
            let provider = known(name).ok_or(name)?;
            // What stands before a deployment's name in Azure tells LiteLLM how to speak with it.
            let model = rest.rsplit('/').next().filter(|_| provider.api == Api::Azure).unwrap_or(rest);
            Ok((provider, model))
        }
        None if model.starts_with("claude") => known("anthropic").map(|found| (found, model)).ok_or(model),
        // Google's other service, which has another API.
        None if model.starts_with("gemini") => Err("vertex_ai"),
        None if model.starts_with("command") => Err("cohere"),
        None => known("openai").map(|provider| (provider, model)).ok_or(model),
    }
}
