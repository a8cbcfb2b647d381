//! Why something is in an image, and what left it: found by walking over the image again, which
//! needs nothing but the descriptions of its fragments.

use std::collections::BTreeMap;

use kiln_image::Maker;
use kiln_image::reach::{ReachReport, Step};
use kiln_types::{Lock, Plan, RelativePath, Stage};

use crate::{Pipeline, PipelineError};

/// An image, as its walk sees it.
#[derive(Clone, Debug)]
pub struct Examined {
    /// What the walk found; absent where the profile cuts nothing by it.
    pub reach: Option<ReachReport>,
    /// Who made what kiln made, by path.
    pub makers: BTreeMap<RelativePath, Maker>,
    /// The package of each file that stays, by path.
    pub owners: BTreeMap<RelativePath, String>,
}

impl Examined {
    /// Why a package or a path is in the image, down to a root; `None` where it is not in it.
    #[must_use]
    pub fn why_kept(&self, subject: &str) -> Option<Vec<Step>> {
        if !subject.contains('/') {
            return match &self.reach {
                Some(reach) => reach.why_package(subject),
                None => self.owners.values().any(|owner| owner == subject).then(|| {
                    vec![Step {
                        what: format!("package {subject}"),
                        why: "this variant keeps every package that was resolved".to_owned(),
                    }]
                }),
            };
        }
        let path = RelativePath::new(subject).ok()?;
        let steps = self.why_path(&path).or_else(|| {
            // `/bin`, `/lib` and their like are links into `/usr` (Debian policy 9.1.1).
            let top = path.as_str().split('/').next()?;
            let merged = matches!(top, "bin" | "sbin" | "lib" | "lib32" | "lib64" | "libx32");
            let real = merged.then(|| RelativePath::new(&format!("usr/{}", path.as_str())))?;
            self.why_path(&real.ok()?)
        });
        steps.or_else(|| self.why_directory(&path))
    }

    fn why_path(&self, path: &RelativePath) -> Option<Vec<Step>> {
        if let Some(steps) = self.reach.as_ref().and_then(|reach| reach.why_path(path)) {
            return Some(steps);
        }
        let step = |why: String| Step {
            what: path.to_string(),
            why,
        };
        if let Some(maker) = self.makers.get(path) {
            return Some(vec![step(format!("made by: {maker}"))]);
        }
        let owner = self.owners.get(path)?;
        let mut steps = vec![step(format!("a file of {owner}, which stays"))];
        steps.extend(self.why_kept(owner)?);
        Some(steps)
    }

    /// A directory is there for what lies in it.
    fn why_directory(&self, path: &RelativePath) -> Option<Vec<Step>> {
        let paths = self.owners.keys().chain(self.makers.keys());
        let mut inside: Vec<&RelativePath> = paths
            .filter(|inner| inner.is_below(path.as_str()) && *inner != path)
            .collect();
        inside.sort();
        let first = inside.first()?;
        let count = inside.len();
        let mut steps = vec![Step {
            what: path.to_string(),
            why: format!("a directory with {count} files and links, such as {first}"),
        }];
        steps.extend(self.why_path(first)?);
        Some(steps)
    }
}

impl Pipeline<'_> {
    /// Walks over the image of a plan.
    ///
    /// # Errors
    /// As [`Self::build`].
    pub fn examine(&self, plan: &Plan, lock: &Lock) -> Result<Examined, PipelineError> {
        let options = crate::BuildOptions::default();
        let start = self.start_package(plan)?;
        if let Some((_, bytes)) = &start {
            self.store.put(bytes)?;
        }
        let locked = start.as_ref().map(|(package, _)| package);
        let assembly = self.assembly(plan, lock, locked, &options)?;
        let (fragments, furnished, _) = assembly.furnish(&mut crate::Work::default())?;
        self.reporter.end(Stage::Assemble);
        let mut owners = BTreeMap::new();
        for (index, fragment) in fragments.iter().enumerate() {
            if furnished.left.contains(&index) {
                continue;
            }
            let lost = furnished.overridden.get(&index);
            for file in &fragment.files {
                let path = &file.entry.path;
                if lost.is_none_or(|lost| !lost.contains(path)) {
                    owners.insert(path.clone(), fragment.control.name.clone());
                }
            }
        }
        Ok(Examined {
            reach: furnished.reach,
            makers: furnished.makers,
            owners,
        })
    }
}
