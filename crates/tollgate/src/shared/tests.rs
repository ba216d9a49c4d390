use super::*;

#[test]
fn settings_are_judged_without_a_redis() {
    let check = |url: &str, key: Option<&str>, expected: Result<bool, SettingsError>| {
        let settings = Settings { url: Secret::new(url), key: key.map(Secret::new), nodes: 1, roots: None };
        assert_eq!(settings.check().map(|()| settings.has_password()), expected, "{url}");
    };
    check("redis://cache:6379", None, Ok(false));
    check("redis://cache", None, Ok(false));
    check("rediss://:hunter2@cache:6380/2", None, Ok(true));
    check("redis://gate:hunter2@[::1]:6379\n", None, Ok(true));
    check("redis://cache", Some("0123456789abcdef0123456789abcdef"), Ok(false));
    check("redis://cache", Some("short"), Err(SettingsError::Key));
    for strange in ["", "cache:6379", "http://cache", "unix:///run/redis", "redis://", "redis://cache:port"] {
        check(strange, None, Err(SettingsError::Url));
    }
}

#[test]
fn roots_are_for_tls() {
    let check = |url: &str, roots: &str, expected: Result<(), SettingsError>| {
        let roots = Some(roots.as_bytes().to_vec());
        let settings = Settings { url: Secret::new(url), key: None, nodes: 1, roots };
        assert_eq!(settings.check(), expected, "{url}");
    };
    check("rediss://cache", "", Ok(()));
    check("redis://cache", "", Err(SettingsError::Roots));
    check("cache", "", Err(SettingsError::Url));
}

#[test]
fn an_address_shows_no_password() {
    let settings =
        Settings { url: Secret::new("redis://gate:hunter2@cache:6380/2"), key: None, nodes: 1, roots: None };
    assert_eq!(settings.address(), "cache:6380");
}
