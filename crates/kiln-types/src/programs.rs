//! Names of programs that an intruder would look for: one list for what is built and for what is
//! scanned.

/// Shells.
pub const SHELLS: [&str; 26] = [
    "ash",
    "bash",
    "bash-static",
    "busybox",
    "csh",
    "dash",
    "elvish",
    "fish",
    "ksh",
    "ksh93",
    "lksh",
    "mksh",
    "mksh-static",
    "nu",
    "oksh",
    "posh",
    "rbash",
    "rc",
    "sash",
    "sh",
    "tcsh",
    "toybox",
    "xonsh",
    "yash",
    "zsh",
    "zsh5",
];

/// Package managers of distributions, with the programs that do their work.
pub const SYSTEM_PACKAGE_MANAGERS: [&str; 18] = [
    "apk",
    "apt",
    "apt-get",
    "aptitude",
    "dnf",
    "dnf5",
    "dpkg",
    "dpkg-deb",
    "dpkg-query",
    "microdnf",
    "opkg",
    "pacman",
    "rpm",
    "rpm2cpio",
    "rpmdb",
    "tdnf",
    "yum",
    "zypper",
];

/// Package managers of languages.
pub const LANGUAGE_PACKAGE_MANAGERS: [&str; 13] = [
    "bundle", "cargo", "composer", "conda", "gem", "mamba", "npm", "pip", "pip3", "pnpm", "poetry",
    "uv", "yarn",
];
