//! Plans become a lock: every target resolved against the indexes of today (or of a snapshot).

use std::collections::BTreeMap;

use kiln_resolve::{Resolution, resolve};
use kiln_types::{
    Architecture, Digest, ImageName, Lock, LockedIndex, LockedPackage, PackageRecord, Plan, Stage,
    TargetId,
};

use crate::{Pipeline, PipelineError};

/// A lock, and what a person should know about how it came to be.
#[derive(Clone, Debug)]
pub struct LockOutcome {
    /// The lock.
    pub lock: Lock,
    /// Dependencies that exclusions leave open, by target.
    pub tolerated: Vec<Tolerated>,
}

/// A dependency that an exclusion leaves open.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Tolerated {
    /// The target.
    pub target: TargetId,
    /// The package whose dependency it is.
    pub package: String,
    /// The dependency, as the index words it.
    pub relation: String,
}

impl Pipeline<'_> {
    /// Resolves all plans of an image into one lock. `inputs` is the digest of what resolution
    /// depends on in the definition.
    ///
    /// # Errors
    /// When indexes cannot be had or trusted, or a plan cannot be resolved; of several plans that
    /// cannot, all.
    pub fn lock(
        &self,
        image: &ImageName,
        inputs: Digest,
        plans: &[Plan],
    ) -> Result<LockOutcome, PipelineError> {
        let mut indexes: Vec<LockedIndex> = Vec::new();
        let mut packages: BTreeMap<(String, String, String), LockedPackage> = BTreeMap::new();
        let mut tolerated = Vec::new();
        let mut errors = Vec::new();
        self.reporter
            .begin(Stage::Resolve, Some(plans.len() as u64), "targets");
        for plan in plans {
            let target = plan.target();
            match self.resolve(plan) {
                Ok((resolution, read)) => {
                    indexes.extend(read);
                    tolerated.extend(resolution.tolerated.iter().map(|open| Tolerated {
                        target: target.clone(),
                        package: open.package.to_string(),
                        relation: open.relation.clone(),
                    }));
                    for record in &resolution.packages {
                        add(&mut packages, record, &target)?;
                    }
                }
                Err(error) => errors.push(error),
            }
            self.reporter
                .advance(Stage::Resolve, 1, &target.to_string());
        }
        self.reporter.end(Stage::Resolve);
        let mut errors = joined(errors);
        match errors.len() {
            0 => {}
            1 => return Err(errors.remove(0)),
            _ => return Err(PipelineError::Several(errors)),
        }
        indexes.sort();
        indexes.dedup();
        let mut packages: Vec<LockedPackage> = packages.into_values().collect();
        for package in &mut packages {
            package.targets.sort();
            package.targets.dedup();
        }
        packages.sort();
        let snapshot = self.settings.mirrors.snapshot;
        Ok(LockOutcome {
            lock: Lock {
                image: image.clone(),
                inputs,
                snapshot,
                indexes,
                packages,
            },
            tolerated,
        })
    }

    /// Resolves one plan, and says which indexes it read.
    ///
    /// # Errors
    /// When indexes cannot be had or trusted, or no set of packages meets the request.
    pub fn resolve(&self, plan: &Plan) -> Result<(Resolution, Vec<LockedIndex>), PipelineError> {
        let architecture: Architecture = plan.platform.architecture;
        let read = self.universe(plan, architecture)?;
        let resolution =
            resolve(&read.universe, &plan.request).map_err(|source| PipelineError::Resolve {
                target: format!("{} {}", plan.image, plan.target()),
                source,
            })?;
        Ok((resolution, read.indexes))
    }
}

/// Errors of several targets that say the same become one that names them all.
fn joined(errors: Vec<PipelineError>) -> Vec<PipelineError> {
    let mut kept: Vec<(String, PipelineError)> = Vec::new();
    for error in errors {
        let said = match &error {
            PipelineError::Resolve { source, .. } => source.to_string(),
            other => other.to_string(),
        };
        match (kept.iter_mut().find(|(before, _)| *before == said), error) {
            (
                Some((_, PipelineError::Resolve { target, .. })),
                PipelineError::Resolve {
                    target: another, ..
                },
            ) => {
                target.push_str(&format!(", {another}"));
            }
            (Some(_), _) => {}
            (None, error) => kept.push((said, error)),
        }
    }
    kept.into_iter().map(|(_, error)| error).collect()
}

fn add(
    packages: &mut BTreeMap<(String, String, String), LockedPackage>,
    record: &PackageRecord,
    target: &TargetId,
) -> Result<(), PipelineError> {
    let key = (
        record.name.to_string(),
        record.version.to_string(),
        record.architecture.clone(),
    );
    let package = packages.entry(key).or_insert_with(|| LockedPackage {
        name: record.name.clone(),
        version: record.version.clone(),
        architecture: record.architecture.clone(),
        archive: record.archive.clone(),
        suite: record.suite.clone(),
        path: record.path.clone(),
        size: record.size,
        sha256: record.sha256,
        targets: Vec::new(),
    });
    // Indexes of two architectures must agree about a package of architecture `all`.
    if package.sha256 != record.sha256 {
        return Err(PipelineError::Lock(format!(
            "two indexes disagree about {} {}: {} and {}",
            record.name, record.version, package.sha256, record.sha256
        )));
    }
    package.targets.push(target.clone());
    Ok(())
}
