use super::sample::Sample;
use super::*;

#[test]
fn reads_what_the_loader_reads() {
    let sample = Sample {
        soname: Some("libx.so.1"),
        needed: &["libc.so.6", "libm.so.6"],
        runpath: Some("$ORIGIN/lib::/opt/lib"),
        interpreter: Some("/lib64/ld-linux-x86-64.so.2"),
        isa_needed: 0b111,
        ..Sample::default()
    };
    let facts = facts(&sample.bytes()).unwrap();
    assert_eq!(
        (facts.class, facts.machine, facts.kind),
        (2, 62, ElfKind::Dyn)
    );
    assert!(facts.is_shared_object());
    assert_eq!(facts.soname.as_deref(), Some("libx.so.1"));
    assert_eq!(facts.needed, ["libc.so.6", "libm.so.6"]);
    assert_eq!(facts.runpath, ["$ORIGIN/lib", "/opt/lib"]);
    assert_eq!(
        facts.interpreter.as_deref(),
        Some("/lib64/ld-linux-x86-64.so.2")
    );
    assert_eq!(facts.minimum_kernel, Some((3, 2, 0)));
    assert_eq!(facts.x86_isa_needed, 0b111);
    let json = serde_json::to_string(&facts).unwrap();
    assert_eq!(serde_json::from_str::<ElfFacts>(&json).unwrap(), facts);
}

#[test]
fn this_program_has_facts() {
    let program = std::fs::read("/proc/self/exe").unwrap();
    let facts = facts(&program).unwrap();
    assert!(
        facts.needed.iter().any(|name| name.starts_with("libc.so")),
        "{facts:?}"
    );
    assert!(facts.interpreter.unwrap().contains("ld-linux"));
}

#[test]
fn what_is_no_elf_file_has_no_facts() {
    for bytes in [
        &b""[..],
        b"\x7fEL",
        b"\x7fELF",
        b"\x7fELF\x03",
        b"#!/bin/sh\n",
        &[0x7f; 200],
    ] {
        assert_eq!(facts(bytes), None);
    }
}

#[test]
fn attack_cut_at_any_byte() {
    let bytes = Sample {
        soname: Some("libx.so.1"),
        ..Sample::default()
    }
    .bytes();
    for end in 0..bytes.len() {
        let _ = facts(&bytes[..end]);
    }
    assert_eq!(facts(&bytes[..bytes.len() / 2]), None);
}

#[test]
fn attack_offsets_that_overflow() {
    let good = Sample {
        soname: Some("libx.so.1"),
        ..Sample::default()
    }
    .bytes();
    // The offset and size of the dynamic segment, and the header count.
    for (at, value) in [
        (64 + 56 + 8, u64::MAX),
        (64 + 56 + 32, u64::MAX),
        (64 + 56 + 8, 1 << 63),
        (32, u64::MAX - 1),
    ] {
        let mut bytes = good.clone();
        bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
        assert_eq!(facts(&bytes), None, "{at}");
    }
}

#[test]
fn attack_soname_without_an_end() {
    let mut bytes = Sample {
        soname: Some("libx.so.1"),
        ..Sample::default()
    }
    .bytes();
    // The dynamic segment's entry points at the last byte of the file, which is not NUL.
    let at = bytes
        .windows(16)
        .position(|window| window[0] == 14 && window[1..8] == [0; 7])
        .unwrap();
    let strings = 64 + 5 * 56;
    let last = (bytes.len() - strings) as u64;
    bytes.push(b'x');
    bytes[at + 8..at + 16].copy_from_slice(&last.to_le_bytes());
    assert_eq!(facts(&bytes), None);
}

proptest::proptest! {
    #[test]
    fn foreign_bytes_never_panic(at in 0usize..700, patch: [u8; 8], tail: Vec<u8>) {
        let mut bytes = Sample { soname: Some("libx.so.1"), needed: &["libc.so.6"], ..Sample::default() }.bytes();
        let at = at % (bytes.len() - 8);
        bytes[at..at + 8].copy_from_slice(&patch);
        let _ = facts(&bytes);
        let _ = facts(&[b"\x7fELF\x02\x01\x01".to_vec(), tail.clone()].concat());
        let _ = facts(&[b"\x7fELF\x01\x02\x01".to_vec(), tail].concat());
    }
}

#[test]
fn symbol_versions_of_the_c_library_and_of_this_program() {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let path = maps
        .lines()
        .filter_map(|line| line.split_whitespace().nth(5))
        .find(|path| path.ends_with("/libc.so.6"))
        .expect("a program that is linked with glibc");
    let library = facts(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!(library.soname.as_deref(), Some("libc.so.6"));
    let needed = facts(&std::fs::read("/proc/self/exe").unwrap()).unwrap();
    let needed = &needed.versions_needed["libc.so.6"];
    assert!(!needed.is_empty());
    for version in needed {
        assert!(library.versions.contains(version), "{version}");
    }
    // The C library defines what starts a shell; it does not import it.
    assert_eq!(library.shell_calls, Vec::<String>::new());
}

#[test]
fn attack_one_long_name_a_thousand_times() {
    let long = "n".repeat(4000);
    let few = vec![long.as_str(); 200];
    let many = vec![long.as_str(); 300];
    let facts_of = |needed: &[&str]| {
        facts(
            &Sample {
                needed,
                ..Sample::default()
            }
            .bytes(),
        )
    };
    assert_eq!(facts_of(&few).unwrap().needed.len(), 200);
    assert_eq!(facts_of(&many), None);
}

#[test]
fn a_file_that_cannot_be_read_is_an_error_and_not_a_file_without_facts() {
    struct Broken(Vec<u8>);
    impl Content for Broken {
        fn length(&self) -> u64 {
            self.0.len() as u64
        }
        fn read_at(&self, _: u64, _: &mut [u8]) -> std::io::Result<()> {
            Err(std::io::ErrorKind::ConnectionReset.into())
        }
    }
    assert!(facts_of(&Broken(Sample::default().bytes())).is_err());
}
