use tollgate_store::{Conflict, Error};

use super::Problem;

#[test]
fn what_the_store_says_becomes_a_status() {
    for (error, status, code) in [
        (Error::NotFound("account"), 404, "not_found"),
        (Error::Conflict(Conflict::Name("a".to_owned())), 409, "name_taken"),
        (Error::Conflict(Conflict::Idempotency), 422, "idempotency_key_reused"),
        (Error::Reserved("the consumer `a`".to_owned()), 409, "declared_by_file"),
        (Error::Invalid { field: "name", why: "is long".to_owned() }, 422, "invalid_field"),
        (Error::Unavailable("password=hunter2".to_owned()), 503, "store_unavailable"),
        (Error::Locked("hunter2".to_owned()), 503, "store_locked"),
        (Error::Full("hunter2".to_owned()), 507, "store_full"),
        (Error::Newer { found: 9, known: 1 }, 503, "store_newer"),
        (Error::Corrupt("hunter2".to_owned()), 500, "store_damaged"),
        (Error::Sealing("hunter2".to_owned()), 503, "sealing_unavailable"),
    ] {
        let body = Problem::from(error).body("ID");
        assert_eq!((&body["status"], &body["code"]), (&status.into(), &code.into()));
        assert!(!body.to_string().contains("hunter2"), "the log alone has the database's own words: {body}");
    }
}
