use super::Place;

#[test]
fn a_url_names_a_file_or_a_server() {
    let check = |url: &str, expected: &str| {
        let found = match Place::parse(url) {
            Ok(Place::Sqlite(path)) => format!("file {}", path.display()),
            Ok(Place::Postgres(options)) => format!("server {}:{}", options.get_host(), options.get_port()),
            Err(error) => error.to_string(),
        };
        assert_eq!(found, expected, "{url}");
    };
    check("sqlite:data/store.db", "file data/store.db");
    check("sqlite:///var/lib/store.db", "file /var/lib/store.db");
    check("sqlite:", "`store` needs a file: `sqlite:PATH`");
    check("sqlite::memory:", "`store` needs a file: `sqlite:PATH`");
    check("postgres://a:b@db:6432/t", "server db:6432");
    check("postgresql://a@db/t", "server db:5432");
    check("mysql://a", "`store` is neither `sqlite:PATH` nor `postgres://…`");
}

#[test]
fn a_refused_url_is_not_repeated() {
    let text = Place::parse("postgres://u:hunter2@[/x").unwrap_err().to_string();
    assert!(!text.contains("hunter2"), "{text}");
}
