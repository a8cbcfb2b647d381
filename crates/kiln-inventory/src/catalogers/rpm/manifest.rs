//! `container-manifest-2`: one package a line, ten columns with tabs between them, as the query
//! `%{NAME}\t%{VERSION}-%{RELEASE}\t%{INSTALLTIME}\t%{BUILDTIME}\t%{VENDOR}\t%{EPOCH}\t%{SIZE}\t%{ARCH}\t%{EPOCHNUM}\t%{SOURCERPM}`
//! gives them.

use super::{Box, MOST, header};

pub(super) fn read(bytes: &[u8], packages: &mut Box) {
    let text = String::from_utf8_lossy(bytes);
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() {
            continue;
        }
        if packages.found.len() >= MOST {
            packages.miss(format!("it lists more than {MOST} packages"));
            return;
        }
        let columns: Vec<&str> = line.splitn(11, '\t').collect();
        let [
            name,
            version,
            _,
            _,
            vendor,
            epoch,
            _,
            architecture,
            _,
            source,
        ] = columns[..]
        else {
            packages.miss(format!("line {number}: it has no ten columns"));
            continue;
        };
        match header::named(name, version, epoch.parse().ok(), Some(source)) {
            Ok(mut found) => {
                let said = |text: &str| (text != "(none)").then(|| text.to_owned());
                found.component.architecture = said(architecture);
                found.component.supplier = said(vendor);
                packages.found.push(found);
            }
            Err(reason) => packages.miss(format!("line {number}: {reason}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::lines;
    use super::super::{Form, installed};

    #[test]
    fn a_line_is_a_package() {
        let text = "bash\t5.1.8-4.cm2\t1\t2\tMicrosoft Corporation\t(none)\t33\tx86_64\t0\tbash-5.1.8-4.cm2.src.rpm\n\n";
        assert_eq!(
            lines(Form::Manifest, text.as_bytes()),
            ["bash 5.1.8-4.cm2 x86_64 bash 5.1.8-4.cm2 []"]
        );
        let (found, wrong) = installed(Form::Manifest, b"bash\t5.1\na\t\t\t\t\t\t\t\t\t\n");
        assert_eq!((found.len(), wrong.len()), (0, 2));
    }
}
