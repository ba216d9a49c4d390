use serde_json::json;

use super::*;

#[test]
fn columns_are_aligned() {
    let rows = [["a", "ümläut", "x"], ["longer", "b", ""]].map(|row| row.map(str::to_owned).to_vec());
    assert_eq!(table(&["id", "name", "z"], &rows), "id      name    z\na       ümläut  x\nlonger  b");
    assert_eq!(table(&["id", "name"], &[]), "id  name");
    assert_eq!(table(&["n"], &[vec!["\x1b[2J\n".to_owned()]]), "n\n\\u{1b}[2J\\n");
}

#[test]
fn objects_are_read_line_by_line() {
    let value =
        json!({ "id": "x", "scopes": ["a", "b"], "tier": null, "enabled": true, "n": 3, "o": { "p": 1 } });
    assert_eq!(
        object(&value),
        "id       x\nscopes   a, b\ntier     -\nenabled  yes\nn        3\no        {\"p\":1}"
    );
}
