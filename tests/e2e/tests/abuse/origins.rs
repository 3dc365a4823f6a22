//! Browsers that come from somebody else's page.

use crate::bare::Bare;
use crate::until::metric;
use crate::{somebody, stage};

#[tokio::test]
async fn only_pages_of_the_own_host_and_the_listed_ones_open_sockets() {
    let cluster = stage(&[("GATEWAY_ORIGINS", "https://app.example.com")]).await;
    let ann = somebody(&cluster, "Ann").await;
    let token = format!("Authorization: Bearer {}\r\n", ann.token());
    // The host of these handshakes is `x`.
    for (origin, expected) in [
        ("", 101),
        ("Origin: https://app.example.com\r\n", 101),
        ("Origin: http://x\r\n", 101),
        ("Origin: https://x\r\n", 101),
        ("Origin: null\r\n", 403),
        ("Origin: https://evil.com\r\n", 403),
        ("Origin: https://app.example.com.evil.com\r\n", 403),
        ("Origin: https://app.example.com:8443\r\n", 403),
        ("Origin: http://app.example.com\r\n", 403),
        ("Origin: http://x:3000\r\n", 403),
        ("Origin: \r\n", 403),
        ("Origin: https://app.example.com\r\nOrigin: https://evil.com\r\n", 403),
        ("Origin: null\r\nCookie: token=x\r\n", 403),
    ] {
        let (status, head) = Bare::connect(&cluster, 0).await.shake(&format!("{origin}{token}")).await;
        assert_eq!(status, expected, "{origin}{head}");
        assert!(!head.contains("access-control"), "{head}");
    }
    // The page is judged before the token: nobody learns from there which tokens are good.
    let (status, _) = Bare::connect(&cluster, 0).await.shake("Origin: null\r\n").await;
    assert_eq!(status, 403);
    let refused =
        metric(cluster.gateway(0).admin(), "gateway_handshakes_refused_total", "forbidden_origin").await;
    assert!(refused >= 9.0, "{refused}");
}
