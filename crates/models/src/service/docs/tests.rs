use super::operations::OPERATIONS;

#[test]
fn every_path_that_is_served_is_described() {
    let mut described: Vec<&str> = OPERATIONS.iter().map(|operation| operation.path).collect();
    described.dedup();
    described.sort_unstable();
    described.dedup();
    let mut served: Vec<&str> = crate::service::around::table().into_iter().map(|(path, _)| path).collect();
    served.sort_unstable();
    assert_eq!(described, served);
}
