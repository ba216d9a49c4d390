use super::*;
use crate::fixtures::name;

/// The tier of these scopes, as in the table of a service that had three.
#[track_caller]
fn check(default: Option<&str>, scopes: &[&str], expected: Option<&str>) {
    let rows = [("premium_tier", "premium"), ("standard_tier", "standard")];
    let table = TierByScope {
        rows: rows.map(|(scope, tier)| (scope.into(), name(tier))).into(),
        default: default.map(name),
    };
    let tier = table.tier_of(&scopes.iter().copied().collect());
    assert_eq!(tier.map(Name::as_str), expected, "{scopes:?}");
}

#[test]
fn the_first_row_whose_scope_is_in_force_decides() {
    check(Some("free"), &["model:read", "standard_tier"], Some("standard"));
    check(Some("free"), &["standard_tier", "premium_tier"], Some("premium"));
    check(Some("free"), &["model:read"], Some("free"));
    check(Some("free"), &[], Some("free"));
    check(None, &["premium"], None);
    assert_eq!(TierByScope::default().tier_of(&Scopes::default()), None);
}
