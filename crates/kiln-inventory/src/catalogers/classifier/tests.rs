use super::*;

/// The program of this name that a text tells of.
fn by_text(file: &str, text: &[u8]) -> Option<String> {
    let found = classes(file).iter().find_map(|class| {
        let needle = class.needle(file)?;
        let at = memchr::memmem::find(text, &needle)?;
        class.found(text.get(at..)?)
    })?;
    Some(format!(
        "{} {}",
        found.component.name, found.component.version
    ))
}

#[test]
fn files_and_texts_must_agree() {
    for (file, text, expected) in [
        ("node", &b"node.js/v20.11.0\0"[..], Some("node 20.11.0")),
        (
            "libcrypto.so.3",
            b"OpenSSL 3.5.1 1 Jul 2025\0",
            Some("openssl 3.5.1"),
        ),
        ("python3.13", b"\x003.13.5\0", Some("python 3.13.5")),
        (
            "libpython3.13.so.1.0",
            b"\x003.13.5\0",
            Some("python 3.13.5"),
        ),
        ("python3.13", b"\x003.13.5 is needed\0", None),
        (
            "postgres",
            b"\0PostgreSQL 17.5 (Debian)",
            Some("postgresql 17.5"),
        ),
        (
            "bash",
            b"@(#)Bash version 5.2.37(1) release",
            Some("bash 5.2.37"),
        ),
        ("openssl", b"OpenSSL project", None),
    ] {
        assert_eq!(by_text(file, text).as_deref(), expected, "{file}");
    }
    // What stands in programs of Debian 12 around the version.
    for (file, text, expected) in [
        (
            "perl5.36.0",
            &b"\0v5.36.0\0panic: sysconf"[..],
            Some("perl 5.36.0"),
        ),
        ("xz", b"\0xz (XZ Utils) 5.4.1\0", Some("xz 5.4.1")),
        (
            "zstd",
            b"Enabled\0v1.5.4\0Zstandard CLI",
            Some("zstd 1.5.4"),
        ),
        (
            "lua5.4",
            b"$LuaVersion: Lua 5.4.4  Copyright",
            Some("lua 5.4.4"),
        ),
        (
            "liblua5.4.so.0.0.0",
            b"$LuaVersion: Lua 5.4.4  Copyright",
            Some("lua 5.4.4"),
        ),
        (
            "mariadbd",
            b"\0MariaDB 10.11.19\0",
            Some("mariadb 10.11.19"),
        ),
        (
            "varnishd",
            b"\0varnish-7.1.1 revision 7cee",
            Some("varnish 7.1.1"),
        ),
        ("lighttpd", b"\0lighttpd/1.4.69\0", Some("lighttpd 1.4.69")),
        ("dnsmasq", b"\0dnsmasq-2.90\0", Some("dnsmasq 2.90")),
        ("ssh", b"\0OpenSSH_9.2p1 Debian-2", Some("openssh 9.2p1")),
        ("ssh", b"\0OpenSSH_7.0*,OpenSSH_7.1*", None),
        (
            "haproxy",
            b"\0 version 2.6.12-1+deb12u4, released",
            Some("haproxy 2.6.12"),
        ),
        ("haproxy", b"any more since HAProxy version 2.5.\0", None),
    ] {
        assert_eq!(by_text(file, text).as_deref(), expected, "{file}");
    }
    assert!(classes("nodemon").is_empty());
    assert!(classes("python-config").is_empty());
}

#[test]
fn the_highest_version_that_stands_alone_counts() {
    let mut versions = Versions::default();
    for text in [
        &b"1.0.0\0"[..],
        b"7.0.15\0c11-builtin",
        b"7.0.151790282056\0",
        b"6.2.0\0",
        b"9.9\0",
        b"8.1.2.3\0",
        b"9.0.0 is new\0",
        b"9.0.",
        b"",
    ] {
        versions.look(text);
    }
    let class = classes("redis-server")[0];
    assert!(class.is_of_versions());
    let found = versions.found(class).unwrap();
    assert_eq!(found.component.version, "7.0.15");
    assert!(Versions::default().found(class).is_none());
}

#[test]
fn releases_in_files_of_their_own() {
    for (path, text, expected) in [
        (
            "usr/local/go/VERSION",
            &b"go1.26.8\ntime 2026-08-28"[..],
            Some("go 1.26.8"),
        ),
        (
            "usr/lib/erlang/releases/25/OTP_VERSION",
            b"25.2.3\n",
            Some("erlang 25.2.3"),
        ),
        (
            "usr/lib/elixir/lib/elixir/ebin/elixir.app",
            b"{application,elixir,\n    [{description,\"elixir\"},\n     {vsn,\"1.14.0\"},\n",
            Some("elixir 1.14.0"),
        ),
        ("usr/local/go/VERSION", b"devel +abc", None),
        ("app/VERSION", b"1.0", None),
    ] {
        let found = release(path, text).unwrap();
        let found = found
            .first()
            .map(|found| format!("{} {}", found.component.name, found.component.version));
        assert_eq!(found.as_deref(), expected, "{path}");
    }
}

#[test]
fn files_of_debian_and_npm() {
    for (file, text, expected) in [
        (
            "libzstd.so.1.5.4",
            &b"\xca\xeb\x85w\xca\xeb\x851.5.4\0\0\0"[..],
            Some("zstd 1.5.4"),
        ),
        ("libzstd.so.1.5.7", b" code\x001.5.7\0", Some("zstd 1.5.7")),
        ("libzstd.so.1.5.7", b" code\x001.5.4\0", None),
        ("libzstd.so.1", b" code\x001.5.7\0", None),
        (
            "libz.so.1",
            b"\x8d\xef\x02- deflate 1.2.13 Copyright 1995-2022",
            Some("zlib 1.2.13"),
        ),
        (
            "libavcodec.so.59.37.100",
            b"or later\0\0\0\0\0\0FFmpeg version 5.1.9-0+deb12u1\0\0\xff",
            Some("ffmpeg 5.1.9"),
        ),
        (
            "libavutil.so.59.39.100",
            b"Please update your FFmpeg version to the newest one from Git.",
            None,
        ),
        (
            "libQt5Core.so.5.15.8",
            b"Settings\0/etc/xdg\0Qt 5.15.8 (x86_64-little_endian",
            Some("qt 5.15.8"),
        ),
        (
            "libQt6Core.so.6.4.2",
            b"features:\n   \0\0\0\0\0\0Qt 6.4.2 (x86_64-little_endian",
            Some("qt 6.4.2"),
        ),
        (
            "proftpd",
            b"np:qS:tvX46\0ProFTPD Version 1.3.8\0LANG\x001.3.8 (stable)\n\0",
            Some("proftpd 1.3.8"),
        ),
        (
            "proftpd",
            b"\0ProFTPD Version 1.3.8c\0",
            Some("proftpd 1.3.8c"),
        ),
        (
            "bun",
            b"\x16\0\0\0\0\0\0\0Bun v1.4.5 (Linux x64)\0\x000\0",
            Some("bun 1.4.5"),
        ),
        (
            "bun",
            b"releases/download/bun-v1.4.5/bun-linux-x64.zip",
            None,
        ),
        (
            "deno",
            b"denover2.9.62.9.6+e518fbdDeno/2.9.6Deno/2.9.6+e518fbde518fbd66dda",
            Some("deno 2.9.6"),
        ),
        (
            "ldapsearch",
            b"\0@(#) $OpenLDAP: ldapsearch 2.5.13+dfsg-5 (Feb  8 2023 0",
            Some("openldap 2.5.13"),
        ),
        (
            "libkrb5.so.3.3",
            b"KRB5_BRAND: krb5-1.20.1-final 1.20.1 20221111\0",
            Some("krb5 1.20.1"),
        ),
        (
            "libkrb5.so.26.0.0",
            b"lient doesn't match\0Heimdal 7.8.0\0@(#)$Version: Heimdal 7.8.0 $\0",
            Some("heimdal 7.8.0"),
        ),
        (
            "getopt",
            b"tcsh\0%s from %s\n\0util-linux 2.38.1\0\nUsage:\n\0",
            Some("util-linux 2.38.1"),
        ),
        (
            "mariadb",
            b"UNIX_PORT\0MARIADB_UNIX_PORT\x0010.11.19\0mysql_native_passw",
            Some("mariadb 10.11.19"),
        ),
    ] {
        let found = classes(file).iter().find_map(|class| {
            let needle = class.needle(file)?;
            let mut places = memchr::memmem::find_iter(text, &needle);
            places.find_map(|at| class.found(text.get(at..)?))
        });
        let found =
            found.map(|found| format!("{} {}", found.component.name, found.component.version));
        assert_eq!(found.as_deref(), expected, "{file}");
    }
}

/// What stands behind each zero, as in programs of Debian 12 and 13.
#[test]
fn versions_between_zeros_and_in_builds() {
    let found = |file: &str, texts: &[&[u8]]| {
        let class = classes(file)[0];
        assert!(class.is_of_versions() && class.needle(file).is_none());
        let mut versions = Versions::default();
        for text in texts {
            versions.look(text);
        }
        let found = versions.found(class)?;
        Some(format!(
            "{} {}",
            found.component.name, found.component.version
        ))
    };
    // The compiler's version is the highest, and no build begins with it.
    let valkey: [&[u8]; 6] = [
        b"8.1.0\0",
        b"8.1.1\x007.2.4\x0014.2.0\0",
        b"7.2.4\x0014.2.0\0",
        b"14.2.0\0",
        b"valkey8.1.11792855166000000000\0",
        b"5.3.0-0-g54eaed1d8b56b1aa528be3bdd1877e59c56fa90c\0",
    ];
    assert_eq!(
        found("valkey-server", &valkey).as_deref(),
        Some("valkey 8.1.1")
    );
    let redis: [&[u8]; 4] = [b"7.0.1\0", b"7.0.15\0", b"7.0.151790282056\0", b"12.2.0\0"];
    assert_eq!(
        found("redis-server", &redis).as_deref(),
        Some("redis 7.0.15")
    );
    // However many there are, the highest stays.
    let many: Vec<Vec<u8>> = (0..2_000_u32)
        .rev()
        .map(|number| format!("{}.{}.0\0", number / 100, number % 100).into_bytes())
        .collect();
    let many: Vec<&[u8]> = many.iter().map(Vec::as_slice).collect();
    assert_eq!(
        found("redis-server", &many).as_deref(),
        Some("redis 19.99.0")
    );
}
