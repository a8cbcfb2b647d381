//! The rules of the house hold for the tree as it is.

#[test]
fn the_tree_follows_the_rules_of_the_house() {
    let report = xtask::structure::check(&xtask::root()).unwrap();
    let problems: Vec<String> = report.problems.iter().map(ToString::to_string).collect();
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn every_committed_schema_has_a_test_that_compares_it() {
    let problems = xtask::schemas::owned(&xtask::root()).unwrap();
    assert_eq!(problems, []);
}
