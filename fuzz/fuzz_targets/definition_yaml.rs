#![no_main]
//! Definitions, profiles and distributions: whatever the text, diagnostics and no panic; what
//! parses can be planned, linted and shown.

use kiln_definition::{
    Document, PlanOptions, lint, parse, parse_distribution, parse_profile, plans, show, tags,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let document = Document::new("image.yaml", text);
    let parsed = parse(&document);
    for diagnostic in &parsed.diagnostics {
        let place = diagnostic
            .location
            .as_ref()
            .expect("every diagnostic has a place");
        let start = place.offset as usize;
        assert!(text.get(start..start + place.length as usize).is_some());
    }
    let _ = parse_profile(&document);
    let _ = parse_distribution(&document);
    let Some(definition) = parsed.value else {
        return;
    };
    let options = PlanOptions::default();
    if let Ok(plans) = plans(&definition, &options, &|_| Ok(b"content".to_vec())) {
        let _ = lint(&definition, &plans, &options);
        let _ = show(&definition, &plans);
        for plan in &plans {
            let _ = tags(&definition, plan, Some("1:1.26.3-3"));
        }
    }
});
