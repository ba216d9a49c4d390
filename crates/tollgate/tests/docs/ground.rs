//! A folder in which a configuration finds the files and secrets that it names.

use std::path::Path;

use tempfile::TempDir;
use tollgate::config::source::Source;
use tollgate::config::{self, Compiled};

/// Keys whose value is the path of a file.
const FILES: [&str; 5] = ["file: ", "cert: ", "key: ", "client_ca: ", "roots: "];

/// The folder; removed at the end.
pub struct Ground(TempDir);

impl Ground {
    /// A folder with every file that the text names and that `beside` does not have: PEM where that is expected, else a
    /// secret.
    pub fn of(beside: &Path, text: &str) -> Self {
        let ground = Self(TempDir::new().unwrap());
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        for (key, name) in named_files(text) {
            let content = match std::fs::read_to_string(beside.join(name)) {
                Ok(content) => content,
                Err(_) if name.ends_with("public.pem") => public_key(),
                Err(_) if key == "key: " => made.signing_key.serialize_pem(),
                Err(_) if key != "file: " => made.cert.pem(),
                Err(_) => secret(name),
            };
            let path = ground.0.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        ground
    }

    /// Compiles the text, which must be whole, and warned of only where that is said.
    #[track_caller]
    pub fn loads(&self, name: &str, text: &str, warned: bool) {
        let compiled = match self.compile(name, text) {
            Ok(compiled) => compiled,
            Err(problems) => panic!("{name} is refused:\n{}", problems.render(false)),
        };
        let warnings: Vec<String> = compiled.warnings.iter().map(|warning| warning.render(false)).collect();
        assert_eq!(!warnings.is_empty(), warned, "{name}: {}", warnings.join("\n"));
    }

    /// Compiles the text as it would be in this folder.
    pub fn compile(&self, name: &str, text: &str) -> Result<Compiled, config::problem::Problems> {
        let env = |name: &str| {
            Some(match name {
                "REDIS_URL" => "redis://cache:6379".to_owned(),
                name if name.ends_with("PUBLIC_KEY") => public_key(),
                name => secret(name),
            })
        };
        config::compile(&Source::new(name, text, self.0.path()), &env)
    }
}

/// What looks like the path of a file; secrets and names of keys have neither `/` nor a suffix.
fn named_files(text: &str) -> impl Iterator<Item = (&'static str, &str)> {
    FILES
        .into_iter()
        .flat_map(move |key| {
            text.split(key).skip(1).map(move |rest| {
                let end = rest.find([' ', ',', '}', '\n']).unwrap_or(rest.len());
                (key, &rest[..end])
            })
        })
        .filter(|(_, name)| name.contains(['.', '/']))
}

fn public_key() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config/files/rsa.pub");
    std::fs::read_to_string(path).unwrap()
}

/// Long enough for every scheme, and another one for each name.
fn secret(name: &str) -> String {
    format!("{name}-0123456789abcdef0123456789abcdef")
}
