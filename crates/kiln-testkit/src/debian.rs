//! A tiny Debian: packages with the names and shapes that small images are made of.

use crate::deb::DebBuilder;
use crate::repository::DebianRepository;

/// `trixie` in small, for amd64 and arm64: base-files, base-passwd, libc6, tzdata,
/// ca-certificates (with a script and dependencies that images leave out), dash, zlib1g, nginx with
/// its common files. Programs are no real programs.
#[must_use]
pub fn tiny_debian() -> DebianRepository {
    let mut repository = DebianRepository::new("trixie").suite("stable").add_all([
        DebBuilder::new("tzdata", "2026b-0+deb13u1")
            .architecture("all")
            .file("/usr/share/zoneinfo/Etc/UTC", "TZif2 UTC", 0o644)
            .symlink("/usr/share/zoneinfo/UTC", "Etc/UTC")
            .file("/usr/share/doc/tzdata/copyright", "public domain\n", 0o644)
            .build(),
        DebBuilder::new("ca-certificates", "20260101")
            .architecture("all")
            .depends("openssl (>= 1.1.1), debconf (>= 0.5) | debconf-2.0")
            .file(
                "/usr/share/ca-certificates/mozilla/Tiny.crt",
                CERTIFICATE,
                0o644,
            )
            .directory("/etc/ssl/certs", 0o755)
            .script("postinst", "#!/bin/sh\nset -e\nupdate-ca-certificates\n")
            .file(
                "/usr/share/doc/ca-certificates/copyright",
                "MPL-2.0\n",
                0o644,
            )
            .build(),
        DebBuilder::new("debconf", "1.5.91")
            .architecture("all")
            .file("/usr/share/debconf/confmodule", "#!/bin/sh\n", 0o755)
            .build(),
        DebBuilder::new("nginx-common", "1.26.3-3+deb13u1")
            .architecture("all")
            .field("Source", "nginx")
            .depends("debconf (>= 0.5) | debconf-2.0")
            .conffile(
                "/etc/nginx/nginx.conf",
                "events {}\nhttp { include conf.d/*.conf; }\n",
            )
            .conffile("/etc/nginx/mime.types", "types {}\n")
            .file(
                "/usr/share/nginx/html/index.html",
                "<h1>Welcome to nginx!</h1>\n",
                0o644,
            )
            .file("/usr/share/man/man8/nginx.8.gz", "manual", 0o644)
            .directory("/var/lib/nginx", 0o755)
            .directory("/var/log/nginx", 0o755)
            .script(
                "postinst",
                "#!/bin/sh\nset -e\nchown www-data:adm /var/log/nginx\n",
            )
            .build(),
    ]);
    for architecture in ["amd64", "arm64"] {
        let triplet = match architecture {
            "arm64" => "aarch64-linux-gnu",
            _ => "x86_64-linux-gnu",
        };
        let library = |name: &str| format!("/usr/lib/{triplet}/{name}");
        let program = |name: &str| format!("{name} for {architecture}");
        let start =
            |name: &str, version: &str| DebBuilder::new(name, version).architecture(architecture);
        repository = repository.add_all([
            start("base-files", "13.8+deb13u3")
                .field("Essential", "yes")
                .conffile("/etc/debian_version", "13.3\n")
                .file(
                    "/usr/lib/os-release",
                    "ID=debian\nVERSION_ID=\"13\"\n",
                    0o644,
                )
                .symlink("/etc/os-release", "../usr/lib/os-release")
                .symlink("/bin", "usr/bin")
                .symlink("/lib", "usr/lib")
                .symlink("/sbin", "usr/sbin")
                .directory("/tmp", 0o1777)
                .directory("/root", 0o700)
                .directory("/var/tmp", 0o1777)
                .file("/usr/share/doc/base-files/copyright", "GPL-2+\n", 0o644)
                .build(),
            start("base-passwd", "3.6.7")
                .field("Essential", "yes")
                .file("/usr/share/base-passwd/passwd.master", PASSWD, 0o644)
                .file("/usr/share/base-passwd/group.master", GROUP, 0o644)
                .build(),
            start("libc6", "2.41-12+deb13u1")
                .field("Multi-Arch", "same")
                .field("Source", "glibc")
                .depends("libgcc-s1")
                .file(&library("libc.so.6"), program("libc"), 0o755)
                .conffile(
                    "/etc/ld.so.conf.d/tiny.conf",
                    &format!("/usr/lib/{triplet}\n"),
                )
                .control_file("triggers", "activate-noawait ldconfig\n")
                .build(),
            start("libgcc-s1", "14.2.0-19")
                .field("Multi-Arch", "same")
                .depends("libc6 (>= 2.41)")
                .file(&library("libgcc_s.so.1"), program("libgcc"), 0o644)
                .build(),
            start("zlib1g", "1:1.3.dfsg+really1.3.1-1+b1")
                .field("Multi-Arch", "same")
                .depends("libc6 (>= 2.14)")
                .file(&library("libz.so.1.3.1"), program("libz"), 0o644)
                .symlink(&library("libz.so.1"), "libz.so.1.3.1")
                .build(),
            start("openssl", "3.5.4-1~deb13u1")
                .field("Multi-Arch", "foreign")
                .depends("libc6 (>= 2.34)")
                .file("/usr/bin/openssl", program("openssl"), 0o755)
                .build(),
            start("dash", "0.5.12-12")
                .field("Essential", "yes")
                .depends("libc6 (>= 2.38)")
                .file("/usr/bin/dash", program("dash"), 0o755)
                .symlink("/usr/bin/sh", "dash")
                .build(),
            start("nginx", "1.26.3-3+deb13u1")
                .field("Provides", "httpd, httpd-cgi, nginx-abi-1.26.3-1")
                .depends(
                    "libc6 (>= 2.38), zlib1g (>= 1:1.1.4), \
                     nginx-common (= 1.26.3-3+deb13u1), iproute2",
                )
                .file("/usr/sbin/nginx", program("nginx"), 0o755)
                .build(),
            start("iproute2", "6.15.0-1")
                .depends("libc6 (>= 2.38)")
                .file("/usr/bin/ip", program("ip"), 0o755)
                .build(),
        ]);
    }
    repository
}

const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nVGlueQ==\n-----END CERTIFICATE-----\n";

const PASSWD: &str = "\
root:*:0:0:root:/root:/bin/bash
daemon:*:1:1:daemon:/usr/sbin:/usr/sbin/nologin
www-data:*:33:33:www-data:/var/www:/usr/sbin/nologin
nobody:*:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
";

const GROUP: &str = "root:*:0:\ndaemon:*:1:\nadm:*:4:\nwww-data:*:33:\nnogroup:*:65534:\n";
