//! The programs and libraries that are known by their text. What stands behind each mark was looked up
//! in real files; `docs/guides/inside.md` names what is not here.

use super::{Class, Form, class, highest};

/// All that are known.
pub(crate) const CLASSES: &[Class] = &[
    class(
        "node",
        &["node", "nodejs"],
        b"node.js/v",
        Some("MIT"),
        "OpenJS Foundation",
    ),
    class(
        "openssl",
        &["openssl", "libcrypto.so*"],
        b"OpenSSL ",
        None,
        "OpenSSL Foundation",
    ),
    class(
        "nginx",
        &["nginx"],
        b"nginx version: nginx/",
        Some("BSD-2-Clause"),
        "nginx project",
    ),
    class(
        "nginx",
        &["nginx"],
        b"\0nginx/",
        Some("BSD-2-Clause"),
        "nginx project",
    ),
    class(
        "postgresql",
        &["postgres"],
        b"\0PostgreSQL ",
        Some("PostgreSQL"),
        "PostgreSQL Global Development Group",
    ),
    class(
        "httpd",
        &["httpd", "apache2"],
        b"\0Apache/",
        Some("Apache-2.0"),
        "Apache Software Foundation",
    ),
    class(
        "httpd",
        &["httpd", "apache2"],
        b"\0Apache httpd ",
        Some("Apache-2.0"),
        "Apache Software Foundation",
    ),
    class(
        "memcached",
        &["memcached"],
        b"\0memcached ",
        Some("BSD-3-Clause"),
        "memcached project",
    ),
    class(
        "busybox",
        &["busybox"],
        b"BusyBox v",
        Some("GPL-2.0-only"),
        "BusyBox project",
    ),
    class(
        "bash",
        &["bash"],
        b"@(#)Bash version ",
        Some("GPL-3.0-or-later"),
        "Free Software Foundation",
    ),
    class(
        "php",
        &["php*", "php-fpm*", "php-cgi*", "libphp*"],
        b"X-Powered-By: PHP/",
        None,
        "The PHP Group",
    ),
    class(
        "ruby",
        &["ruby", "libruby.so*", "libruby-*"],
        b"\0ruby ",
        None,
        "Ruby project",
    ),
    class(
        "python",
        &["python*", "libpython*"],
        b"\0",
        Some("PSF-2.0"),
        "Python Software Foundation",
    ),
    class(
        "haproxy",
        &["haproxy"],
        // In sentences about other versions stands what is not its own.
        b"\0 version ",
        None,
        "HAProxy project",
    ),
    class(
        "curl",
        &["curl", "libcurl.so*"],
        b"libcurl/",
        Some("curl"),
        "curl project",
    ),
    highest("redis", &["redis-server", "redis-cli"], None, "Redis"),
    highest(
        "sqlite",
        &["libsqlite3.so*"],
        Some("blessing"),
        "SQLite project",
    ),
    highest("xz", &["liblzma.so*"], None, "The Tukaani Project"),
    highest("git", &["git"], Some("GPL-2.0-only"), "Git project"),
    highest("erlang", &["beam.smp"], Some("Apache-2.0"), "Ericsson"),
    class("xz", &["xz"], b"(XZ Utils) ", None, "The Tukaani Project"),
    class("zstd", &["zstd"], b"\0v1.", None, "Meta Platforms").with(Form::Shared(2)),
    class(
        "perl",
        &["perl*", "libperl.so*"],
        b"\0v5.",
        Some("Artistic-1.0-Perl OR GPL-1.0-or-later"),
        "The Perl Foundation",
    )
    .with(Form::Shared(2)),
    class(
        "lua",
        &["lua*", "liblua*"],
        b"$LuaVersion: Lua ",
        Some("MIT"),
        "Lua.org",
    ),
    class(
        "mariadb",
        &["mariadbd", "mysqld"],
        b"\0MariaDB ",
        Some("GPL-2.0-only"),
        "MariaDB Foundation",
    )
    .with(Form::Alone),
    class(
        "varnish",
        &["varnishd"],
        b"\0varnish-",
        Some("BSD-2-Clause"),
        "Varnish Software",
    ),
    class(
        "lighttpd",
        &["lighttpd"],
        b"\0lighttpd/",
        Some("BSD-3-Clause"),
        "lighttpd project",
    ),
    class(
        "dnsmasq",
        &["dnsmasq"],
        b"\0dnsmasq-",
        Some("GPL-2.0-only OR GPL-3.0-only"),
        "Simon Kelley",
    ),
    class(
        "openssh",
        &["ssh", "sshd"],
        b"\0OpenSSH_",
        None,
        "OpenSSH project",
    )
    .with(Form::Alone),
    highest(
        "valkey",
        &["valkey-server", "valkey-check-rdb", "valkey-check-aof"],
        Some("BSD-3-Clause"),
        "Valkey project",
    ),
    class("bun", &["bun"], b"\0Bun v", Some("MIT"), "Oven").with(Form::Alone),
    class("deno", &["deno"], b"Deno/", Some("MIT"), "Deno Land").with(Form::Until(b'+')),
    class("zstd", &["libzstd.so*"], b"", None, "Meta Platforms").with(Form::Named("libzstd.so.")),
    class(
        "zlib",
        &["libz.so*"],
        b" deflate ",
        Some("Zlib"),
        "zlib project",
    )
    .with(Form::Alone),
    class(
        "ffmpeg",
        &[
            "ffmpeg",
            "ffprobe",
            "libavcodec.so*",
            "libavdevice.so*",
            "libavfilter.so*",
            "libavformat.so*",
            "libavutil.so*",
            "libpostproc.so*",
            "libswresample.so*",
            "libswscale.so*",
        ],
        b"FFmpeg version ",
        None,
        "FFmpeg project",
    ),
    class(
        "qt",
        &["libQt5Core.so*", "libQt6Core.so*"],
        b"\0Qt ",
        None,
        "The Qt Company",
    )
    .with(Form::Alone),
    class(
        "proftpd",
        &["proftpd"],
        b"\0ProFTPD Version ",
        Some("GPL-2.0-or-later"),
        "ProFTPD project",
    )
    .with(Form::Alone),
    class(
        "openldap",
        &["ldapsearch"],
        b"$OpenLDAP: ldapsearch ",
        Some("OLDAP-2.8"),
        "OpenLDAP Foundation",
    ),
    class(
        "krb5",
        &["libkrb5.so*"],
        b"KRB5_BRAND: krb5-",
        Some("MIT"),
        "MIT Kerberos Consortium",
    ),
    class(
        "heimdal",
        &["libkrb5.so*"],
        b"\0Heimdal ",
        Some("BSD-3-Clause"),
        "Heimdal project",
    )
    .with(Form::Alone),
    class(
        "util-linux",
        &["getopt"],
        b"\0util-linux ",
        None,
        "util-linux project",
    )
    .with(Form::Alone),
    class(
        "mariadb",
        &["mariadb", "mysql"],
        // The client keeps its version behind the name of a variable.
        b"\0MARIADB_UNIX_PORT\0",
        Some("GPL-2.0-only"),
        "MariaDB Foundation",
    )
    .with(Form::Alone),
];
