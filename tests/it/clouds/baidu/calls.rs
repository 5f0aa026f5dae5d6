//! Operations: what we write we read, what the pages and the SDKs write we read, and nothing makes the reader panic.

use keypairs::dialect::baidu::{Call, Code, New};
use keypairs::secret::SecretText;
use proptest::prelude::*;

use super::{request, tell};

fn read(method: &str, target: &str, body: &str) -> Result<String, Code> {
    Call::read(&request(method, target, body.as_bytes())).map(|call| tell(&call))
}

fn new(name: &str, description: &str, client_token: Option<&str>) -> New {
    New { name: name.into(), description: description.into(), client_token: client_token.map(str::to_owned) }
}

fn key(text: &str) -> SecretText {
    SecretText::new(text.to_owned())
}

/// The request line and the body of each operation, as an adapter sends it.
#[test]
fn operations_are_written_as_the_pages_have_them() {
    let list = |marker: Option<&str>, max_keys, name: Option<&str>| Call::List {
        marker: marker.map(str::to_owned),
        max_keys,
        name: name.map(str::to_owned),
    };
    let calls = [
        (Call::Create(new("a", "", None)), "POST /v2/keypair", r#"{"name":"a"}"#),
        (
            Call::Create(new("a", "密\"\n", Some("t/1"))),
            "POST /v2/keypair?clientToken=t%2F1",
            "{\"name\":\"a\",\"description\":\"密\\\"\\n\"}",
        ),
        (
            Call::Import(new("a/密", "d", None), key("ssh-rsa AAAA")),
            "PUT /v2/keypair?import",
            r#"{"name":"a/密","description":"d","publicKey":"ssh-rsa AAAA"}"#,
        ),
        (
            Call::Import(new("a", "", Some("t")), key("k")),
            "PUT /v2/keypair?import&clientToken=t",
            r#"{"name":"a","publicKey":"k"}"#,
        ),
        (list(None, None, None), "GET /v2/keypair", ""),
        (list(Some("k-1"), Some(10), Some("密 1+")), "GET /v2/keypair?marker=k-1&maxKeys=10&name=%E5%AF%86%201%2B", ""),
        (Call::Get("k-1".into()), "GET /v2/keypair/k-1", ""),
        (Call::Get("k/../1?x".into()), "GET /v2/keypair/k%2F..%2F1%3Fx", ""),
        (
            Call::Attach("k-1".into(), vec!["i-1".into(), "i-2".into()]),
            "PUT /v2/keypair/k-1?attach",
            r#"{"instanceIds":["i-1","i-2"]}"#,
        ),
        (Call::Detach("k-1".into(), Vec::new()), "PUT /v2/keypair/k-1?detach", r#"{"instanceIds":[]}"#),
        (Call::Rename("k-1".into(), "b".into()), "PUT /v2/keypair/k-1?rename", r#"{"name":"b"}"#),
        (Call::Describe("k-1".into(), String::new()), "PUT /v2/keypair/k-1?updateDesc", r#"{"description":""}"#),
        (Call::Delete("k-1".into()), "DELETE /v2/keypair/k-1", ""),
    ];
    for (call, line, body) in calls {
        let written = call.request().unwrap();
        assert_eq!(format!("{} {}", written.method(), written.uri()), line);
        assert_eq!(std::str::from_utf8(written.body().expose()).unwrap(), body, "{line}");
        let content_type = (!body.is_empty()).then_some("application/json;charset=utf-8");
        assert_eq!(written.headers().get("content-type").map(|value| value.to_str().unwrap()), content_type);
        assert_eq!(Call::read(&written).map(|read| tell(&read)), Ok(tell(&call)), "{line}");
    }
}

#[test]
fn a_value_that_no_uri_can_hold_is_refused() {
    assert_eq!(Call::Get("k".repeat(70_000)).request().err(), Some(Code::InvalidUri));
}

/// The request examples of the two pages that this project began with, placeholders and all; and the page on binding.
#[test]
fn the_examples_of_the_pages_are_read() {
    let create = "{\n\"name\": \"keypair01\",\n\"description\": \"some description\"\n}";
    let import =
        "{\n\"name\": \"keypair01\",\n\"description\": \"some description\",\n\"publicKey\": \"your-publicKey\"\n}";
    let made = tell(&Call::Create(new("keypair01", "some description", None)));
    let imported = tell(&Call::Import(new("keypair01", "some description", None), key("your-publicKey")));
    assert_eq!(read("POST", "/v2/keypair", create), Ok(made));
    assert_eq!(read("POST", "/v2/keypair?import", import).as_ref(), Ok(&imported), "as the example has it");
    assert_eq!(read("PUT", "/v2/keypair?import", import), Ok(imported), "as the structure has it");
    let attached = read("PUT", "/v2/keypair/k-YufwpQAe?attach", "{\n\"instanceIds\": [\"i-ZeVPsPzv\"]\n}");
    assert_eq!(attached, Ok(r#"attach "k-YufwpQAe" ["i-ZeVPsPzv"]"#.to_owned()));
}

/// Each operation in every form that a page, the Python SDK or the Go SDK gives it.
#[test]
fn operations_are_read_in_every_form() {
    let made = tell(&Call::Create(new("a", "", None)));
    for target in ["/v2/keypair", "/v2/keypair?create", "/v2/keypair?create=", "/v2/keypair?action=create"] {
        for body in
            [r#"{"name":"a"}"#, r#"{"name": "a", "description": null}"#, r#"{"name":"a","description":"","x":[1]}"#]
        {
            assert_eq!(read("POST", target, body).as_ref(), Ok(&made), "{target} {body}");
        }
    }
    let imported = tell(&Call::Import(new("a", "d", Some("t-1")), key("k")));
    let body = r#"{"publicKey":"k","description":"d","name":"a"}"#;
    for method in ["PUT", "POST"] {
        for action in ["import", "import=", "action=import", "import=&action=import", "%69mport"] {
            let target = format!("/v2/keypair?{action}&clientToken=t-1");
            assert_eq!(read(method, &target, body).as_ref(), Ok(&imported), "{method} {target}");
        }
    }
    let list = |query: &str| read("GET", &format!("/v2/keypair{query}"), "").unwrap();
    assert_eq!(list(""), "list None None None");
    assert_eq!(list("?marker=&maxKeys=&name="), "list None None None");
    assert_eq!(list("?maxKeys=7&name=%E5%AF%86+1&marker=k-1"), "list Some(\"k-1\") Some(7) Some(\"密 1\")");
    assert_eq!(list("?maxKeys=4000"), "list None Some(1000) None", "1000 is the most");
    for body in ["", "{}", r#"{"keypairId":"k-1"}"#] {
        for query in ["", "?delete", "?delete=", "?action=delete"] {
            assert_eq!(read("DELETE", &format!("/v2/keypair/k-1{query}"), body), Ok(r#"delete "k-1""#.to_owned()));
        }
    }
    for equals in ["", "="] {
        let put =
            |action: &str, body: &str| read("PUT", &format!("/v2/keypair/k-%E5%AF%86?{action}{equals}"), body).unwrap();
        assert_eq!(put("rename", r#"{"keypairId":"k-密","name":"b"}"#), r#"rename "k-密" "b""#);
        assert_eq!(put("updateDesc", r#"{"keypairId":"k-密","description":"d"}"#), r#"describe "k-密" "d""#);
        assert_eq!(put("updateDesc", r#"{"description":null}"#), r#"describe "k-密" """#);
        assert_eq!(put("detach", r#"{"keypairId":"k-密","instanceIds":[]}"#), r#"detach "k-密" []"#);
    }
    let absolute = read("GET", "http://bcc.bj.example.com/v2/keypair/k-1", "");
    assert_eq!(absolute, Ok(r#"get "k-1""#.to_owned()), "as a proxy is asked");
}

#[test]
fn what_is_no_operation_gets_the_code_that_says_so() {
    let body = r#"{"name":"a","publicKey":"k","instanceIds":[]}"#;
    let cases = [
        ("GET", "/v1/keypair", "", Code::InvalidVersion),
        ("POST", "/v3/keypair", body, Code::InvalidVersion),
        ("GET", "/v2.0/keypair/k-1", "", Code::InvalidVersion),
        ("GET", "/", "", Code::InvalidUri),
        ("GET", "/v2", "", Code::InvalidUri),
        ("GET", "/v/keypair", "", Code::InvalidUri),
        ("GET", "/vpc/keypair", "", Code::InvalidUri),
        ("GET", "/v2/keypair/", "", Code::InvalidUri),
        ("GET", "/v2/keypair/k-1/more", "", Code::InvalidUri),
        ("GET", "/v2/keypairs", "", Code::InvalidUri),
        ("GET", "/v2/keypair/%FF", "", Code::InvalidUri),
        ("PUT", "/v2/keypair", body, Code::InvalidUri),
        ("PUT", "/v2/keypair?create", body, Code::InvalidUri),
        ("POST", "/v2/keypair?action=explode", body, Code::InvalidUri),
        ("POST", "/v2/keypair?import&create", body, Code::InvalidUri),
        ("DELETE", "/v2/keypair", "", Code::InvalidUri),
        ("PATCH", "/v2/keypair/k-1?rename", body, Code::InvalidUri),
        ("PUT", "/v2/keypair/k-1", body, Code::InvalidUri),
        ("PUT", "/v2/keypair/k-1?import", body, Code::InvalidUri),
        ("PUT", "/v2/keypair/k-1?attach&detach", body, Code::InvalidUri),
        ("GET", "/v2/keypair/k-1?attach", "", Code::InvalidUri),
        ("GET", "/v2/keypair?maxKeys=0", "", Code::InvalidHttpRequest),
        ("GET", "/v2/keypair?maxKeys=-1", "", Code::InvalidHttpRequest),
        ("GET", "/v2/keypair?maxKeys=many", "", Code::InvalidHttpRequest),
        ("POST", "/v2/keypair", "", Code::MalformedJson),
        ("POST", "/v2/keypair", "{\"name\":\"a\"", Code::MalformedJson),
        ("POST", "/v2/keypair", "name=a", Code::MalformedJson),
        ("DELETE", "/v2/keypair/k-1", "{", Code::MalformedJson),
        ("POST", "/v2/keypair", "[]", Code::InappropriateJson),
        ("POST", "/v2/keypair", r#"["a","b",null,null,null]"#, Code::InappropriateJson),
        ("POST", "/v2/keypair", "[", Code::MalformedJson),
        ("POST", "/v2/keypair", "\"a\"", Code::InappropriateJson),
        ("POST", "/v2/keypair", r#"{"name":5}"#, Code::InappropriateJson),
        ("POST", "/v2/keypair", r#"{"name":"a","name":"b"}"#, Code::InappropriateJson),
        ("PUT", "/v2/keypair?import", r#"{"name":"a","publicKey":{}}"#, Code::InappropriateJson),
        ("PUT", "/v2/keypair/k-1?attach", "{}", Code::InappropriateJson),
        ("PUT", "/v2/keypair/k-1?detach", r#"{"instanceIds":"i-1"}"#, Code::InappropriateJson),
        ("PUT", "/v2/keypair/k-1?rename", r#"{"keypairId":"k-2","name":"a"}"#, Code::InappropriateJson),
        ("DELETE", "/v2/keypair/k-1?delete", r#"{"keypairId":"k-2"}"#, Code::InappropriateJson),
        ("POST", "/v2/keypair", "{}", Code::KeypairNameInvalid),
        ("POST", "/v2/keypair", r#"{"name":null}"#, Code::KeypairNameInvalid),
        ("PUT", "/v2/keypair/k-1?rename", "{}", Code::KeypairNameInvalid),
        ("PUT", "/v2/keypair?import", r#"{"publicKey":"k"}"#, Code::KeypairNameInvalid),
        ("PUT", "/v2/keypair?import", r#"{"name":"a"}"#, Code::PublicKeyFormatInvalid),
        ("PUT", "/v2/keypair?import", r#"{"name":"a","publicKey":null}"#, Code::PublicKeyFormatInvalid),
    ];
    for (method, target, body, code) in cases {
        assert_eq!(read(method, target, body), Err(code), "{method} {target} {body}");
    }
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let aside = read("POST", "/v2/keypair", &format!(r#"{{"name":"a","x":{deep}}}"#));
    assert!(aside.is_ok(), "what is not known is passed over, however deep");
    assert!(read("POST", "/v2/keypair", &format!(r#"{{"name":{deep}}}"#)).is_err());
    assert_eq!(Call::read(&request("POST", "/v2/keypair", b"{\"name\":\"\xff\"}")).err(), Some(Code::MalformedJson));
}

/// Any requests, many of them near to sound ones.
fn requests() -> impl Strategy<Value = (String, String, Vec<u8>)> {
    let near =
        r#"\{("(name|publicKey|description|instanceIds|keypairId)":("[a-z\\u0-9"]{0,8}|null|\[\]|[0-9]),?){0,4}\}"#;
    let body = prop_oneof![near.prop_map(String::into_bytes), proptest::collection::vec(any::<u8>(), 0..60)];
    let action = "(create|import|attach|detach|rename|updateDesc|delete|action|marker|maxKeys|name|clientToken)";
    let target = format!("/(v[0-9.]{{0,2}}/)?(keypair)?(/[ -~]{{0,6}})?(\\?({action}(=[ -~]{{0,6}})?&?){{0,3}})?");
    ("GET|PUT|POST|DELETE|HEAD", proptest::string::string_regex(&target).unwrap(), body)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// And what was read is written so that it is read as the same.
    #[test]
    fn nothing_makes_the_reader_panic((method, target, body) in requests()) {
        let Ok(uri) = target.parse::<http::Uri>() else { return Ok(()) };
        let mut request = request(&method, "/", &body);
        *request.uri_mut() = uri;
        if let Ok(call) = Call::read(&request) {
            let again = Call::read(&call.request().unwrap()).map(|call| tell(&call));
            prop_assert_eq!(again, Ok(tell(&call)));
        }
    }
}
