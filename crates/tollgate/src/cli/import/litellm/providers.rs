//! Providers that speak the OpenAI API, so that requests for them can go on as they are.

/// What LiteLLM assumes of a provider where a deployment does not say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Provider {
    /// What stands before the `/` of a model.
    pub name: &'static str,
    /// The base of its addresses.
    pub base: Option<&'static str>,
    /// The variable that has the key.
    pub key: Option<&'static str>,
}

const fn at(name: &'static str, base: &'static str, key: &'static str) -> Provider {
    Provider { name, base: Some(base), key: Some(key) }
}

/// A server of one's own: the deployment says where.
const fn own(name: &'static str) -> Provider {
    Provider { name, base: None, key: None }
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
        Some((name, rest)) => known(name).map(|provider| (provider, rest)).ok_or(name),
        None if model.starts_with("claude") => Err("anthropic"),
        None if model.starts_with("gemini") => Err("gemini"),
        None if model.starts_with("command") => Err("cohere"),
        None => known("openai").map(|provider| (provider, model)).ok_or(model),
    }
}
