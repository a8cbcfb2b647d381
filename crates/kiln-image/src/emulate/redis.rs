//! The directories and settings of redis and of valkey, which is its descendant and has the same
//! scripts (`Setup_dir` in the postinst of the tools, `dpkg-statoverride` in that of the server).

use kiln_types::SynthesisedFile;

use super::output::Output;
use super::ownership::{directory, override_file};
use super::{EmulateError, Emulator, Tree};

/// Stands for the postinst scripts of redis and valkey.
pub(super) struct Redis;

impl Emulator for Redis {
    fn name(&self) -> &'static str {
        "redis"
    }

    fn summary(&self) -> &'static str {
        "gives redis and valkey their directories and settings"
    }

    fn stands_for(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("redis-server", "postinst"),
            ("redis-tools", "postinst"),
            ("valkey-server", "postinst"),
            ("valkey-tools", "postinst"),
        ]
    }

    fn serves(&self) -> &'static [&'static str] {
        &[
            "redis-server",
            "redis-tools",
            "valkey-server",
            "valkey-tools",
        ]
    }

    fn run(&self, tree: &dyn Tree) -> Result<Vec<SynthesisedFile>, EmulateError> {
        let mut output = Output::new(self.name(), tree);
        for name in ["redis", "valkey"] {
            let own = (name, name);
            if tree.has_package(&format!("{name}-tools")) {
                let log = format!("var/log/{name}");
                directory(tree, &mut output, &log, 0o2750, (name, "adm"))?;
                directory(tree, &mut output, &format!("var/lib/{name}"), 0o750, own)?;
                directory(tree, &mut output, &format!("etc/{name}"), 0o2770, own)?;
            }
            if tree.has_package(&format!("{name}-server")) {
                let settings = format!("etc/{name}/{name}.conf");
                override_file(tree, &mut output, &settings, 0o640, own)?;
            }
        }
        Ok(output.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulate::testing::MemoryTree;

    fn tree() -> MemoryTree {
        MemoryTree::new()
            .package("redis-tools")
            .package("redis-server")
            .package("dpkg")
            .file(
                "etc/passwd",
                b"redis:x:100:102::/var/lib/redis:/usr/sbin/nologin\n",
            )
            .file("etc/group", b"adm:x:4:\nredis:x:102:\n")
            .file("etc/redis/redis.conf", b"daemonize yes\n")
    }

    #[test]
    fn owners_and_modes_are_those_of_the_script() {
        let mut tree = tree();
        let made = tree.run(&Redis);
        let of = |path: &str| {
            let entry = &made
                .iter()
                .find(|file| file.entry.path.as_str() == path)
                .unwrap()
                .entry;
            (entry.mode, entry.uid, entry.gid)
        };
        assert_eq!(of("var/log/redis"), (0o2750, 100, 4));
        assert_eq!(of("var/lib/redis"), (0o750, 100, 102));
        assert_eq!(of("etc/redis"), (0o2770, 100, 102));
        assert_eq!(of("etc/redis/redis.conf"), (0o640, 100, 102));
        assert_eq!(tree.text("etc/redis/redis.conf"), "daemonize yes\n");
        assert_eq!(
            tree.text("var/lib/dpkg/statoverride"),
            "redis redis 640 /etc/redis/redis.conf\n"
        );
    }

    #[test]
    fn the_user_of_the_image_does_not_own_its_settings() {
        let mut tree = tree().planned(|plan| plan.accounts.run_as = Some((100, 102)));
        let paths: Vec<_> = tree
            .run(&Redis)
            .into_iter()
            .map(|file| file.entry.path.to_string())
            .collect();
        assert_eq!(paths, ["/var/lib/redis", "/var/log/redis"]);
    }
}
