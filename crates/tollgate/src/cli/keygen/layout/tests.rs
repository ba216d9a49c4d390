use super::*;

#[track_caller]
fn check(services: &[&str], expected: Result<&str, &str>) {
    let mut env = EnvFile::default();
    let result = services.iter().try_for_each(|name| env.set(&Name::new(name).unwrap(), "HAWK_KEY", "00\n"));
    match expected {
        Ok(content) => assert_eq!(result.map(|()| env.file(Path::new("d")).content).unwrap(), content),
        Err(part) => assert!(result.unwrap_err().to_string().contains(part), "{services:?}"),
    }
}

#[test]
fn services_name_shell_variables() {
    check(&["service_a"], Ok("SERVICE_A_HAWK_KEY=\"00\"\n"));
    check(&["a-b.c", "d"], Ok("A_B_C_HAWK_KEY=\"00\"\nD_HAWK_KEY=\"00\"\n"));
    check(&["1a"], Err("begins with a digit"));
    check(&["a-b", "a.b"], Err("both make the variable `A_B_HAWK_KEY`"));
}

#[test]
fn all_writes_pairs_and_one_environment() {
    let names = ["service_a", "service_b"].map(|name| Name::new(name).unwrap());
    let files = all(JwtAlgorithm::Es256, Path::new("keys"), &names).unwrap();
    let seen: Vec<(&str, bool)> =
        files.iter().map(|file| (file.path.file_name().unwrap().to_str().unwrap(), file.private)).collect();
    assert_eq!(
        seen,
        [
            ("service_a-private.pem", true),
            ("service_a-public.pem", false),
            ("service_b-private.pem", true),
            ("service_b-public.pem", false),
            (".env", true),
        ]
    );
    let env = &files[4].content;
    assert!(env.starts_with("SERVICE_A_PUBLIC_KEY=\"-----BEGIN PUBLIC KEY-----\n"), "{env}");
    let order: Vec<Option<usize>> =
        ["A_PUBLIC_KEY", "B_PUBLIC_KEY", "A_HAWK_KEY", "B_HAWK_KEY"].map(|name| env.find(name)).to_vec();
    assert!(order.iter().all(Option::is_some) && order.is_sorted(), "{order:?}");
}
