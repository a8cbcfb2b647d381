//! Where a library that is missing would come from.

use kiln_types::{Control, RelativePath};

use super::walk::Walk;

impl Walk<'_> {
    /// What is known of where a library of this name would come from: a package of the image whose
    /// file the patterns cut, a place where the loader does not look, a package that the file's own
    /// package depends on and the definition leaves out, one that it recommends, and at last the
    /// name that Debian would give such a package.
    pub(super) fn where_is(&self, path: &RelativePath, name: &str) -> Option<String> {
        for &index in &self.order {
            let fragment = self.fragments[index];
            if let Some(cut) = fragment.cut.iter().find(|cut| cut.file_name() == name) {
                let package = &fragment.control.name;
                return Some(format!("`{package}` has `{cut}`, which a pattern cuts"));
            }
        }
        let elsewhere = self
            .entries
            .iter()
            .find(|(_, entry)| entry.path.file_name() == name);
        if let Some((_, entry)) = elsewhere {
            let path = &entry.path;
            return Some(format!("`{path}` is not where the loader looks for it"));
        }
        let owner = &self.fragments[self.tree.owner(path)?].control;
        let package = &owner.name;
        let stem = package_stem(name);
        let excluded = |name: &&str| {
            let mut excluded = self.plan.request.exclude.iter();
            excluded.any(|other| other.as_str() == *name)
        };
        let mut left: Vec<&str> = related(owner, &["Depends", "Pre-Depends"])
            .filter(excluded)
            .collect();
        left.sort_unstable_by_key(|name| (!name.starts_with(&stem), *name));
        if let Some(first) = left.first() {
            return Some(format!(
                "`{package}` depends on `{first}`, which the definition leaves out"
            ));
        }
        let here = |name: &&str| {
            let mut fragments = self.fragments.iter();
            fragments.any(|fragment| fragment.control.name == *name)
        };
        let recommended = related(owner, &["Recommends", "Suggests"])
            .filter(|name| name.starts_with(&stem) && !here(name))
            .min();
        if let Some(name) = recommended {
            return Some(format!(
                "`{package}` recommends `{name}`, which the image does not have"
            ));
        }
        library_package(name)
            .filter(|name| !here(&name.as_str()))
            .map(|name| format!("Debian names packages with such a library like `{name}`"))
    }
}

/// The names of the packages in these fields, alternatives one by one.
fn related<'a>(control: &'a Control, fields: &'a [&str]) -> impl Iterator<Item = &'a str> {
    fields
        .iter()
        .filter_map(|field| control.fields.iter().find(|(name, _)| name == field))
        .flat_map(|(_, value)| value.split([',', '|']))
        .filter_map(|relation| relation.split_whitespace().next())
}

/// How the name of a library's package begins, whatever its version.
fn package_stem(soname: &str) -> String {
    let stem = soname.split(".so").next().unwrap_or(soname);
    stem.to_ascii_lowercase().replace('_', "-")
}

/// The package name for a soname (Debian policy 8.1): `libfoo.so.1` is in `libfoo1`, `libfoo2.so.1`
/// in `libfoo2-1`, `libfoo-1.2.so` in `libfoo-1.2`.
fn library_package(soname: &str) -> Option<String> {
    let stem = package_stem(soname);
    if !stem.starts_with("lib") {
        return None;
    }
    match soname.split_once(".so.") {
        Some((_, version)) if stem.ends_with(|last: char| last.is_ascii_digit()) => {
            Some(format!("{stem}-{version}"))
        }
        Some((_, version)) => Some(format!("{stem}{version}")),
        None => stem.contains('-').then_some(stem),
    }
}

#[cfg(test)]
mod tests {
    use super::library_package;

    #[test]
    fn packages_of_libraries_are_named_after_sonames() {
        for (soname, package) in [
            ("libz.so.1", Some("libz1")),
            ("libpcre2-8.so.0", Some("libpcre2-8-0")),
            ("libICE.so.6", Some("libice6")),
            ("libbfd-2.44-system.so", Some("libbfd-2.44-system")),
            ("libjvm.so", None),
            ("ld-linux.so.2", None),
        ] {
            assert_eq!(library_package(soname).as_deref(), package, "{soname}");
        }
    }
}
