use super::*;

/// Two trees, each of a single leaf.
fn regressor(aggregate: Option<&str>, targets: i64) -> GraphProto {
    let attribute = |name: &str| AttributeProto { name: name.to_owned(), ..AttributeProto::default() };
    let mut attributes = vec![
        AttributeProto { i: targets, ..attribute("n_targets") },
        AttributeProto { ints: vec![0, 1], ..attribute("nodes_treeids") },
        AttributeProto { ints: vec![0, 0], ..attribute("target_ids") },
        AttributeProto { floats: vec![3.0, 5.0], ..attribute("target_weights") },
        AttributeProto { floats: vec![7.0], ..attribute("base_values") },
    ];
    if let Some(word) = aggregate {
        attributes.push(AttributeProto { s: word.as_bytes().to_vec(), ..attribute("aggregate_function") });
    }
    let node = NodeProto {
        op_type: REGRESSOR.to_owned(),
        output: vec!["y".to_owned()],
        attribute: attributes,
        ..NodeProto::default()
    };
    GraphProto { node: vec![node], ..GraphProto::default() }
}

/// The weights of the leaves and the values that are added, or why not.
fn check(aggregate: Option<&str>, targets: i64, expected: Result<(&[f32], &[f32]), &str>) {
    let mut graph = regressor(aggregate, targets);
    let made = rewrite(&mut graph).map(|()| {
        let [trees, columns] = graph.node.as_slice() else { panic!("two steps") };
        assert_eq!((trees.op_type.as_str(), columns.op_type.as_str()), (CLASSIFIER, "Gather"));
        assert_eq!((trees.output.len(), columns.output.as_slice()), (2, &["y".to_owned()][..]));
        let floats = |name: &str| {
            trees.attribute.iter().find(|attribute| attribute.name == name).unwrap().floats.clone()
        };
        (floats("class_weights"), floats("base_values"))
    });
    let expected = expected
        .map(|(weights, base)| (weights.to_vec(), base.to_vec()))
        .map_err(|why| BadOnnx::Unsupported(format!("`{REGRESSOR}`: {why}")));
    assert_eq!(made, expected);
}

#[test]
fn a_regressor_becomes_a_classifier_whose_scores_are_taken() {
    check(None, 1, Ok((&[3.0, 5.0], &[7.0, 0.0, 0.0])));
    check(Some("SUM"), 1, Ok((&[3.0, 5.0], &[7.0, 0.0, 0.0])));
    // What is added is no part of the mean.
    check(Some("AVERAGE"), 1, Ok((&[1.5, 2.5], &[7.0, 0.0, 0.0])));
    check(Some("MAX"), 1, Err("only `SUM` and `AVERAGE` of trees can be computed"));
    for targets in [0, -1, 3, i64::MAX] {
        check(None, targets, Err("`n_targets` does not fit `target_ids`"));
    }
}
