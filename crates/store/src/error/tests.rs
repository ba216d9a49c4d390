use super::{Error, of_postgres, of_sqlite};

#[test]
fn databases_say_what_their_operator_can_do() {
    let check = |found: Error, expected: &str| {
        assert!(found.to_string().starts_with(expected), "{found}");
    };
    check(of_sqlite("5", "database is locked".into()), "the database is locked");
    check(of_sqlite("517", "snapshot".into()), "the database is locked");
    check(of_sqlite("13", "full".into()), "the database is full");
    check(of_sqlite("267", "bad page".into()), "the database is damaged");
    check(of_sqlite("26", "x".into()), "this is no database of Tollgate");
    check(of_sqlite("14", "unable to open".into()), "the database is away");
    check(of_sqlite("2067", "UNIQUE".into()), "the database is damaged: a change would break");
    check(of_sqlite("", "?".into()), "the database is away");
    check(of_postgres("53100", "no space".into()), "the database is full");
    check(of_postgres("55P03", "timeout".into()), "the database is locked");
    check(of_postgres("40P01", "deadlock".into()), "the database is locked");
    check(of_postgres("57P01", "going down".into()), "the database is away");
    check(of_postgres("28P01", "password".into()), "the database is away");
    check(of_postgres("XX001", "page".into()), "the database is damaged");
    check(of_postgres("23505", "unique".into()), "the database is damaged");
}
