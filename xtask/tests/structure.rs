//! The rules of the house hold for the tree as it is.

#[test]
fn the_tree_follows_the_rules_of_the_house() {
    let report = xtask::structure::check(&xtask::root()).unwrap();
    let problems: Vec<String> = report.problems.iter().map(ToString::to_string).collect();
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn committed_schemas_are_those_of_the_types() {
    xtask::schemas::check(&xtask::root()).unwrap();
}
