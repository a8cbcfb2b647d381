//! Files that can start a shell, in an image that has none.

use kiln_types::{Plan, RelativePath};

use super::KeptCaller;
use crate::cuts::Pattern;
use crate::fragment::Fragment;
use crate::merge::Removal;
use crate::tree::GrowingTree;

/// The files of packages and made files that stay and import what starts a shell (see
/// [`crate::elf::SHELL_CALLS`]), each with the reason of whoever accepts it.
pub(crate) fn shell_callers(
    plan: &Plan,
    tree: &GrowingTree<'_>,
    fragments: &[&Fragment],
    removal: &Removal,
) -> Vec<KeptCaller> {
    let accepted: Vec<(Pattern, &str)> = plan
        .reach
        .without_shell
        .iter()
        .map(|caller| {
            let pattern = Pattern::of_files(&caller.file, plan.merged_usr);
            (pattern, caller.reason.as_str())
        })
        .collect();
    let caller = |path: &RelativePath| {
        let calls = &tree.facts(path)?.shell_calls;
        let reason = accepted
            .iter()
            .find(|(pattern, _)| pattern.matches(path.as_str()));
        (!calls.is_empty()).then(|| KeptCaller {
            path: path.clone(),
            calls: calls.clone(),
            reason: reason.map(|(_, reason)| (*reason).to_owned()),
        })
    };
    let mut callers = Vec::new();
    for (index, fragment) in fragments.iter().enumerate() {
        let files = fragment.files.iter().map(|file| &file.entry.path);
        let kept = files.filter(|path| !removal.takes(index, path));
        callers.extend(kept.filter_map(caller));
    }
    callers.extend(tree.made().keys().filter_map(caller));
    callers.sort_by(|left, right| left.path.cmp(&right.path));
    callers.dedup_by(|left, right| left.path == right.path);
    callers
}
