//! A line a component, for programs that read lines.

use kiln_types::Inventory;

/// Name, version, kind, licence and package URL, separated by tabs; with `files`, a line for each
/// file that speaks for a component follows it, after a tab. What is unknown is empty.
#[must_use]
pub fn list(inventory: &Inventory, files: bool) -> String {
    let mut text = String::new();
    for component in &inventory.components {
        let purl = component.purl.as_ref().map(ToString::to_string);
        let fields = [
            component.name.as_str(),
            &component.version,
            component.kind.as_str(),
            component.licences.expression.as_deref().unwrap_or_default(),
            purl.as_deref().unwrap_or_default(),
        ];
        text.push_str(&fields.map(one_line).join("\t"));
        text.push('\n');
        for evidence in component.evidence.iter().filter(|_| files) {
            text.push('\t');
            text.push_str(&one_line(&evidence.path));
            text.push('\n');
        }
    }
    text
}

/// Names come from the image: none may begin a line or a column of its own.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|letter| {
            if letter.is_control() {
                '\u{fffd}'
            } else {
                letter
            }
        })
        .collect()
}
