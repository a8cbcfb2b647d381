#![no_main]
//! Start scripts: whatever the text, a script or an error; what is read is written alike. The same
//! text as a gate's command and as a template: an error or a value.

use kiln_script::{GateCommand, Script, Template};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(script) = Script::from_text(text) {
        assert_eq!(Script::from_text(&script.to_text()), Ok(script));
    }
    if let Ok(command) = GateCommand::parse(text) {
        assert!(!command.arguments.is_empty());
    }
    let known = |name: &str| (name.len() < 8).then(|| name.to_owned());
    if let Ok(template) = Template::parse(text) {
        let _ = template.fill(&known);
    }
    let _ = Template::parse_lenient(text).fill_known(&known);
});
