//! The token of a page: a text as it comes (first byte even), or one of the service's own with a bit changed (odd).
#![no_main]

use base64ct::{Base64UrlUnpadded, Encoding};
use keypairs::error::Reason;
use keypairs::model::{Filter, KeyPairId, ProjectId};
use keypairs::service::Service;
use keypairs::service::command::List;
use keypairs_fuzz::stored::{block_on, service, store};
use keypairs_fuzz::{
    fuzz_target,
    meter::{metered, taken},
};

fuzz_target!(|data: &[u8]| {
    thread_local! { static SERVICE: Service = service(store()); }
    let [form, digest, rest @ ..] = data else { return };
    let project = ProjectId::parse("project", "default").expect("a project");
    let mut list =
        List { project, filter: Filter::default(), page_size: 1, page_token: String::new(), digest: [*digest; 32] };
    let is_taken = |service: &Service, list: &List| match block_on(service.list(list)) {
        Ok(page) => page.items.is_empty(),
        Err(error) => {
            let [violation] = error.violations.as_slice() else { panic!("one violation, not {error:?}") };
            assert!(violation.reason == Reason::PageTokenInvalid && violation.field == "page_token");
            false
        }
    };
    SERVICE.with(|service| {
        if form % 2 == 0 {
            let Ok(text) = std::str::from_utf8(rest) else { return };
            list.page_token = text.to_owned();
            metered(|| {
                if is_taken(service, &list) && !text.is_empty() {
                    taken();
                    let bytes = Base64UrlUnpadded::decode_vec(text).expect("only base64 is taken");
                    let id = KeyPairId::from_bytes(bytes[..16].try_into().expect("a token has 32 bytes"));
                    assert!(service.page_token(&list, id) == text, "two texts of one token");
                }
            });
        } else if let Some((id, [at, ..])) = rest.split_first_chunk::<16>() {
            metered(|| {
                let token = service.page_token(&list, KeyPairId::from_bytes(*id));
                list.page_token = token.clone();
                assert!(is_taken(service, &list), "its own token");
                list.digest[0] ^= 1;
                assert!(!is_taken(service, &list), "the token of another query");
                list.digest[0] ^= 1;
                let mut bytes = Base64UrlUnpadded::decode_vec(&token).expect("a token is base64");
                bytes[usize::from(at / 8)] ^= 1 << (at % 8);
                list.page_token = Base64UrlUnpadded::encode_string(&bytes);
                assert!(!is_taken(service, &list), "a token with bit {at} changed");
            });
        }
    });
});
