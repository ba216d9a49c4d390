use std::ffi::OsString;

use clap::CommandFactory;

use super::*;

#[test]
fn the_tree_of_commands_is_consistent() {
    Cli::command().debug_assert();
}

/// The arguments after the program's name: what is wrong with them, its first line, and whether it is said in JSON.
#[track_caller]
fn check(arguments: &str, expected: Result<(), (&str, bool)>) {
    let arguments: Vec<OsString> =
        format!("tollgate {arguments}").split_whitespace().map(Into::into).collect();
    let found = arguments::parse(&arguments).map(drop).map_err(|error| arguments::text(&error));
    let found =
        found.as_ref().map_err(|text| (text.lines().next().unwrap(), arguments::asks_for_json(&arguments)));
    assert_eq!(found.copied(), expected, "{arguments:?}");
}

#[test]
fn arguments_that_make_no_sense_are_told() {
    check("schema --json", Ok(()));
    check("schema --nonsense", Err(("unexpected argument '--nonsense' found", false)));
    check("--json schema --nonsense", Err(("unexpected argument '--nonsense' found", true)));
    check("schema --nonsense --json", Err(("unexpected argument '--nonsense' found", true)));
    check("schema -- --json", Err(("unexpected argument '--json' found", false)));
    check("", Err(("no command is given", false)));
    check("--json", Err(("'tollgate' requires a subcommand but one was not provided", true)));
}

#[test]
fn the_two_listeners_of_the_demo_need_two_ports() {
    let shared = |port: u16| {
        format!(
            "the gate and the admin listener cannot share port {port}: give '--port' and '--admin-port' different \
             numbers, or 0 for a free one"
        )
    };
    check("demo --port 0 --admin-port 0", Ok(()));
    check("demo --port 9001 --admin-port 9002", Ok(()));
    check("demo --port 9001 --admin-port 9001", Err((&shared(9001), false)));
    check("demo --port 8081 --json", Err((&shared(8081), true)));
}
