//! What an image is for: the paths and programs that its definition names.

use kiln_types::{EntryKind, PathKind, Plan, TestProbe, TestStep};

use super::walk::Walk;
use super::{Hole, Reason};
use crate::cuts::Pattern;

/// Where programs are looked for when an image sets no PATH, as engines do.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

pub(super) fn add(walk: &mut Walk<'_>) {
    let plan = walk.plan;
    let command: Vec<String> = plan
        .config
        .entrypoint
        .iter()
        .chain(&plan.config.cmd)
        .cloned()
        .collect();
    words(walk, &command, "the image starts it", "the entrypoint");
    for test in &plan.tests {
        let why = format!("the test “{}” runs it", test.name);
        let by = format!("the test “{}”", test.name);
        match &test.probe {
            TestProbe::Run(command) if !test.expectation.must_fail => {
                words(walk, command, &why, &by);
            }
            TestProbe::Steps { steps, .. } => {
                for step in steps {
                    if let TestStep::Run {
                        command,
                        expectation,
                    } = step
                        && !expectation.must_fail
                    {
                        words(walk, command, &why, &by);
                    }
                }
            }
            TestProbe::Run(_) | TestProbe::Arguments(_) => {}
        }
    }
    // What a variable of the container names is only known when it starts.
    let known = plan
        .start_programs()
        .filter(|program| !program.contains("${"));
    for program in known {
        let reason = Reason::Root("a start step runs it".to_owned());
        if walk.program(program, &reason).is_none() {
            walk.hole("a start step", &format!("the program `{program}`"), None);
        }
    }
    for path in &plan.paths {
        if matches!(path.kind, PathKind::Directory | PathKind::Delete) {
            continue;
        }
        let reason = Reason::Root("the definition names the path".to_owned());
        walk.reach(path.path.as_str(), &reason);
    }
    if let Some(preloaded) = plan.config.environment.get("LD_PRELOAD") {
        for library in preloaded
            .split([':', ' '])
            .filter(|name| name.contains('/'))
        {
            let reason = Reason::Root("the image preloads it".to_owned());
            if walk.reach(library, &reason).is_none() {
                walk.hole("the variable `LD_PRELOAD`", &format!("`{library}`"), None);
            }
        }
    }
    for keep in plan.reach.keep.clone() {
        kept(walk, &keep);
    }
}

/// The programs that a command line names: its first word, the word behind `--` (what a program
/// that starts others is told), and every other word that is the path of a file in the image.
fn words(walk: &mut Walk<'_>, command: &[String], why: &str, by: &str) {
    let reason = Reason::Root(why.to_owned());
    for (index, word) in command.iter().enumerate() {
        let program = index == 0 || command[index - 1] == "--";
        if program && walk.program(word, &reason).is_none() && index == 0 {
            walk.hole(by, &format!("the program `{word}`"), None);
        } else if !program && word.starts_with('/') {
            walk.reach(word, &reason);
        }
    }
}

fn kept(walk: &mut Walk<'_>, keep: &str) {
    let reason = Reason::Root(format!("`keep` names `{keep}`"));
    let found = if keep.contains(['*', '?']) {
        walk.reach_pattern(&Pattern::of_files(keep, walk.plan.merged_usr), &reason)
    } else if keep.contains('/') {
        match walk.reach(keep, &reason) {
            // A folder means all that is in it.
            Some(path) if walk.is_directory(&path) => {
                let pattern = format!("/{path}/**", path = path.as_str());
                let files = walk.reach_pattern(&Pattern::of_files(&pattern, false), &reason);
                // An empty one is there all the same.
                files.max(1)
            }
            found => usize::from(found.is_some()),
        }
    } else {
        usize::from(walk.program(keep, &reason).is_some())
    };
    if found == 0 {
        walk.hole("`contents.keep`", &format!("`{keep}`"), None);
    }
}

impl Walk<'_> {
    /// Reaches a program by path, or by name in PATH.
    pub(super) fn program(
        &mut self,
        program: &str,
        reason: &Reason,
    ) -> Option<kiln_types::RelativePath> {
        if program.contains('/') {
            return self.reach(program, reason);
        }
        for folder in search_path(self.plan).split(':') {
            let place = format!("{folder}/{program}");
            let real = crate::emulate::resolve(self.tree, &place);
            if real.is_some_and(|real| !self.is_directory(&real)) {
                return self.reach(&place, reason);
            }
        }
        None
    }

    pub(super) fn is_directory(&self, path: &kiln_types::RelativePath) -> bool {
        use crate::emulate::Tree as _;
        self.tree
            .entry(path.as_str())
            .is_some_and(|entry| entry.kind == EntryKind::Directory)
    }

    pub(super) fn hole(&mut self, by: &str, needs: &str, hint: Option<String>) {
        self.holes.insert(Hole {
            by: by.to_owned(),
            needs: needs.to_owned(),
            hint,
        });
    }
}

fn search_path(plan: &Plan) -> &str {
    plan.config
        .environment
        .get("PATH")
        .map_or(PATH, String::as_str)
}
