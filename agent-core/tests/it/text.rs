//! Text: nothing script-capable gets out of Markdown, no key gets out of `redact`, and neither can be made slow.

use std::time::{Duration, Instant};

use agent_core::text::{MAX_RENDERED_BYTES, excerpt, markdown, redact};

/// What HTML from other people's text may consist of. Kept apart from the sanitiser's own list on purpose.
fn allowed(tag: &str, attribute: &str, value: &str) -> bool {
    match (tag, attribute) {
        ("a", "href") => {
            ["http://", "https://", "mailto:"].iter().any(|start| value.to_ascii_lowercase().starts_with(start))
        }
        ("a", "rel") => value == "noopener nofollow",
        ("a", "target") => value == "_blank",
        ("code", "class") => value.starts_with("language-") && !value.contains(char::is_whitespace),
        ("span", "class") => value == "task-done" || value == "task-open",
        ("ol", "start") => value.chars().all(|char| char.is_ascii_digit()),
        ("blockquote" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "ol" | "p" | "table" | "ul", "dir") => {
            value == "auto"
        }
        ("pre" | "table", "tabindex") => value == "0",
        ("td" | "th", "align") => ["left", "center", "right"].contains(&value),
        _ => false,
    }
}

const TAGS: &[&str] = &[
    "a",
    "blockquote",
    "br",
    "code",
    "del",
    "em",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "li",
    "ol",
    "p",
    "pre",
    "span",
    "strong",
    "table",
    "tbody",
    "td",
    "th",
    "thead",
    "tr",
    "ul",
];

/// Reads the output the strict way: every `<` must start an allowed tag, every attribute must be quoted and allowed.
fn check_is_inert(source: &str) {
    let html = markdown(source);
    assert!(!html.contains('\0'), "NUL in {html:?} from {source:?}");
    let mut rest = html.as_str();
    while let Some(start) = rest.find('<') {
        let end = start + rest[start..].find('>').unwrap_or_else(|| panic!("unclosed tag in {html:?} from {source:?}"));
        let inside = &rest[start + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = inside.strip_prefix('/') {
            assert!(TAGS.contains(&name), "closing {name:?} in {html:?} from {source:?}");
            continue;
        }
        let (tag, mut attributes) = inside.split_once(' ').unwrap_or((inside, ""));
        assert!(TAGS.contains(&tag), "tag {tag:?} in {html:?} from {source:?}");
        let (mut rel, mut href) = (false, false);
        while !attributes.trim().is_empty() {
            let (name, after) = attributes.trim_start().split_once("=\"").expect("attributes are quoted");
            let (value, left) = after.split_once('"').expect("quotes are closed");
            assert!(allowed(tag, name, value), "{tag} {name}={value:?} in {html:?} from {source:?}");
            rel |= name == "rel";
            href |= name == "href";
            attributes = left;
        }
        assert!(!href || rel, "a link without rel in {html:?} from {source:?}");
    }
}

#[test]
fn hostile_markup_never_becomes_markup() {
    let corpus = [
        "<script>alert(1)</script>",
        "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
        "<scr<script>ipt>alert(1)</scr</script>ipt>",
        "<script\n>alert(1)</script\n>",
        "<script/x>alert(1)</script>",
        "<<script>alert(1)//<</script>",
        "<img src=x onerror=alert(1)>",
        "<img src=x onerror\n=\nalert(1) //",
        "<img src=`javascript:alert(1)`>",
        "<img \"\"\"><script>alert(1)</script>\">",
        "<image src=x onerror=alert(1)>",
        "<svg onload=alert(1)>",
        "<svg><script>alert(1)</script></svg>",
        "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
        "<svg><a xlink:href=\"javascript:alert(1)\"><text>x</text></a></svg>",
        "<svg><use href=\"data:image/svg+xml;base64,PHN2Zz48L3N2Zz4=#x\"/></svg>",
        "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
        "<math><mi//xlink:href=\"data:x,<script>alert(1)</script>\">",
        "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
        "<style>@import 'javascript:alert(1)';</style>",
        "<style><img src=\"</style><img src=x onerror=alert(1)//\">",
        "<link rel=stylesheet href=javascript:alert(1)>",
        "<base href=\"javascript:alert(1)//\">",
        "<meta http-equiv=refresh content=\"0;url=javascript:alert(1)\">",
        "<iframe src=javascript:alert(1)></iframe>",
        "<iframe srcdoc=\"<script>alert(1)</script>\"></iframe>",
        "<object data=javascript:alert(1)></object>",
        "<embed src=javascript:alert(1)>",
        "<form action=javascript:alert(1)><button>go</button></form>",
        "<button formaction=javascript:alert(1)>x</button>",
        "<input autofocus onfocus=alert(1)>",
        "<input type=image src=x onerror=alert(1)>",
        "<select autofocus onfocus=alert(1)>",
        "<textarea autofocus onfocus=alert(1)>",
        "<video><source onerror=alert(1)></video>",
        "<audio src=x onerror=alert(1)>",
        "<details open ontoggle=alert(1)>x</details>",
        "<marquee onstart=alert(1)>x</marquee>",
        "<body onload=alert(1)>",
        "<div onmouseover=\"alert(1)\" style=\"position:fixed;inset:0\" id=x>x</div>",
        "<p id=\"location\" class=\"x\" style=\"background:url(javascript:alert(1))\">x</p>",
        "<a href=\"javascript:alert(1)\">x</a>",
        "<a href=\"https://ok.example\" onclick=alert(1) target=_self rel=opener>x</a>",
        "<template><script>alert(1)</script></template>",
        "<xmp><script>alert(1)</script></xmp>",
        "<plaintext><script>alert(1)</script>",
        "<table background=javascript:alert(1)><td background=javascript:alert(1)>",
        "<!--<img src=\"--><img src=x onerror=alert(1)//\">",
        "<!-- --!><script>alert(1)</script>",
        "<![CDATA[<script>alert(1)</script>]]>",
        "<?xml version=\"1.0\"?><script>alert(1)</script>",
        "<!DOCTYPE html><script>alert(1)</script>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](java\tscript:alert(1))",
        "[x](&#106;avascript:alert(1))",
        "[x](&#x6A;&#x61;vascript&colon;alert(1))",
        "[x](javascript&#58;alert(1))",
        "[x](<javascript:alert(1)>)",
        "[x]( javascript:alert(1))",
        "[x](\u{1}javascript:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
        "[x](vbscript:msgbox(1))",
        "[x](file:///etc/passwd)",
        "[x](//evil.example)",
        "[x](/relative)",
        "[x](https://ok.example \"onmouseover=alert(1)\")",
        "[x](https://ok.example/\"onmouseover=\"alert(1))",
        "[x](<https://ok.example/\" onmouseover=\"alert(1)>)",
        "[<img src=x onerror=alert(1)>](https://ok.example)",
        "[x][r]\n\n[r]: javascript:alert(1)",
        "[x][r]\n\n[r]: https://ok.example '\"><script>alert(1)</script>'",
        "![x](javascript:alert(1))",
        "![x](data:image/svg+xml,<svg/onload=alert(1)>)",
        "![x\" onerror=\"alert(1)](https://ok.example/p.png)",
        "![](https://ok.example/\"onerror=alert(1)//)",
        "[![x](javascript:alert(1))](javascript:alert(1))",
        "<javascript:alert(1)>",
        "<https://ok.example/\"onclick=alert(1)>",
        "https://ok.example/\"><script>alert(1)</script>",
        "https://ok.example/'onmouseover='alert(1)",
        "```js\" onclick=alert(1)\nx\n```",
        "```\"><script>alert(1)</script>\nx\n```",
        "```<img/src=x/onerror=alert(1)>\n</code></pre><script>alert(1)</script>\n```",
        "    </code></pre><script>alert(1)</script>",
        "`</code><script>alert(1)</script>`",
        "| <script>alert(1)</script> | x |\n|:-:|--:|\n| </td></table><img src=x onerror=alert(1)> | x |",
        "# <svg/onload=alert(1)> {#id .class onclick=alert(1)}",
        "- [x] <input onfocus=alert(1) autofocus>",
        "> <iframe src=javascript:alert(1)>",
        "**<b onclick=alert(1)>x</b>** ~~<s onclick=alert(1)>~~",
        "[^1]\n\n[^1]: <script>alert(1)</script>",
        "&lt;script&gt;alert(1)&lt;/script&gt; &#60;script&#62;alert(1)&#60;/script&#62;",
        "\0<scr\0ipt>alert(1)</scr\0ipt>",
        "\u{feff}<script>alert(1)</script>",
        "\u{2028}<script>alert(1)</script>\u{2029}",
        "＜script＞alert(1)＜/script＞",
        "<scrİpt>alert(1)</scrİpt>",
        "$$<script>alert(1)</script>$$ $<img src=x onerror=alert(1)>$",
    ];
    assert!(corpus.len() >= 60);
    for payload in corpus {
        check_is_inert(payload);
        for around in [
            "a {} b",
            "> {}",
            "- {}",
            "1. x\n   {}",
            "**{}**",
            "[{}](https://ok.example)",
            "| {} |\n|-|\n| {} |",
            "<div>{}",
            "x\n\n{}\n\ny",
        ] {
            check_is_inert(&around.replace("{}", payload));
        }
    }
}

#[test]
fn ordinary_markdown_looks_as_written() {
    let check = |source: &str, wanted: &str| assert_eq!(markdown(source).trim(), wanted, "{source:?}");
    check("", "");
    check("Hello **you** and ~~me~~", "<p dir=\"auto\">Hello <strong>you</strong> and <del>me</del></p>");
    check("one\ntwo", "<p dir=\"auto\">one<br>\ntwo</p>");
    check(
        "A `Vec<String>` and a Vec<String>",
        "<p dir=\"auto\">A <code>Vec&lt;String&gt;</code> and a Vec&lt;String&gt;</p>",
    );
    check(
        "```rust,ignore\nfn a() {}\n```",
        "<pre tabindex=\"0\"><code class=\"language-rust\">fn a() {}\n</code></pre>",
    );
    check(
        "- [x] a\n- [ ] b",
        "<ul dir=\"auto\">\n<li><span class=\"task-done\">☑</span> a</li>\n<li><span class=\"task-open\">☐</span> b</li>\n</ul>",
    );
    check(
        "| a | b |\n|---|--:|\n| 1 | 2 |",
        "<table dir=\"auto\" tabindex=\"0\"><thead><tr><th>a</th><th align=\"right\">b</th></tr></thead><tbody><tr><td>1</td><td align=\"right\">2</td></tr></tbody></table>",
    );
    let link = |href: &str, text: &str| {
        format!("<p dir=\"auto\"><a href=\"{href}\" rel=\"noopener nofollow\" target=\"_blank\">{text}</a></p>")
    };
    let sorted = |html: String| {
        let mut parts: Vec<String> = html.split([' ', '>']).map(str::to_owned).collect();
        parts.sort();
        parts
    };
    let check_link = |source: &str, href: &str, text: &str| {
        assert_eq!(sorted(markdown(source).trim().to_owned()), sorted(link(href, text)), "{source:?}");
    };
    check_link("[x](https://a.example/b?c=d&e)", "https://a.example/b?c=d&amp;e", "x");
    check_link("[x](mailto:a@b.example)", "mailto:a@b.example", "x");
    check_link("![a picture](https://a.example/p.png)", "https://a.example/p.png", "a picture");
    check_link("![](https://a.example/p.png)", "https://a.example/p.png", "https://a.example/p.png");
    check_link("[![alt](https://a.example/p.png)](https://b.example)", "https://b.example", "alt");
    check_link("https://a.example/b_c_d", "https://a.example/b_c_d", "https://a.example/b_c_d");
    check("# مرحبا", "<h1 dir=\"auto\">مرحبا</h1>");
    check("> a\n> - b", "<blockquote dir=\"auto\">\n<p>a</p>\n<ul>\n<li>b</li>\n</ul>\n</blockquote>");
    check("3. a\n4. b", "<ol dir=\"auto\" start=\"3\">\n<li>a</li>\n<li>b</li>\n</ol>");
    check("[x](javascript:alert(1))", "<p dir=\"auto\">x</p>");
}

#[test]
fn bare_addresses_end_where_people_end_them() {
    for (source, address) in [
        ("See https://a.example/b.", "https://a.example/b"),
        ("(https://a.example/b)", "https://a.example/b"),
        ("https://a.example/b_(c)", "https://a.example/b_(c)"),
        ("看 https://a.example/路。好", "https://a.example/%E8%B7%AF"),
        ("http://127.0.0.1:8787/d/1?x=y!", "http://127.0.0.1:8787/d/1?x=y"),
    ] {
        let html = markdown(source);
        let href = html.split("href=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default().to_owned();
        assert!(href == address || href == "https://a.example/路", "{source:?} gave {html:?}");
    }
    for source in ["xhttps://a.example", "https://", "http:// x", "`https://a.example`", "httpsomething"] {
        assert!(!markdown(source).contains("<a "), "{source:?}");
    }
}

/// Far more than any of the texts needs even on a slow machine without optimisation, far less than a quadratic cost.
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn hostile_sizes_cost_little() {
    let repeat = |piece: &str| piece.repeat(1_000_000 / piece.len());
    let wide = format!("|{}\n|{}\n{}", "a|".repeat(30_000), "-|".repeat(30_000), "|x\n".repeat(60_000));
    for source in [
        repeat(">"),
        repeat("> "),
        repeat("- "),
        repeat("* a\n "),
        repeat("*"),
        repeat("**a "),
        repeat("_a*b"),
        repeat("["),
        repeat("[a]("),
        repeat("![["),
        repeat("`a``"),
        repeat("<a "),
        repeat("<!--"),
        repeat("https://a.b/("),
        repeat("http"),
        repeat("&#1"),
        repeat("&"),
        repeat("&<a>"),
        format!("`{}`", repeat("&")),
        format!("[x](https://a.example/?{})", repeat("&")),
        format!("[{}](https://a.example)", repeat("&")),
        repeat("\\"),
        repeat("~"),
        repeat("a\n"),
        repeat("1. "),
        repeat("|"),
        repeat("[a]: b\n"),
        repeat("🙂"),
        wide,
    ] {
        let started = Instant::now();
        let html = markdown(&source);
        let took = started.elapsed();
        assert!(took < PATIENCE, "{:?} took {took:?}", &source[..source.floor_char_boundary(20)]);
        assert!(
            html.len() < MAX_RENDERED_BYTES * 40,
            "{:?} gave {} bytes",
            &source[..source.floor_char_boundary(20)],
            html.len()
        );
    }
    assert!(markdown(&repeat("a\n")).trim_end().ends_with("<p>…</p>"));
    for source in [
        repeat("token=$"),
        repeat("token=a("),
        repeat("token=\"("),
        repeat("pypi-a."),
        repeat("SG."),
        repeat("eyJaaaaaaa."),
        repeat("bearer "),
        repeat("-----BEGIN "),
        repeat("a://b:c"),
        repeat("12345678:AA"),
        repeat("sk-"),
        repeat("password"),
        repeat("password="),
        repeat("_key"),
        repeat("🙂="),
    ] {
        let started = Instant::now();
        let _ = redact(&source);
        let took = started.elapsed();
        assert!(took < PATIENCE, "{:?} took {took:?}", &source[..source.floor_char_boundary(20)]);
    }
}

#[test]
fn excerpts_are_one_line_of_so_many_characters() {
    for (source, max, wanted) in [
        ("", 10, ""),
        ("  \n\t\n", 10, ""),
        ("short", 10, "short"),
        ("exactly ten", 11, "exactly ten"),
        ("exactly ten!", 11, "exactly te…"),
        ("first\nsecond", 10, "first…"),
        ("\n\n## Heading\n", 20, "Heading"),
        ("#5 is broken", 20, "#5 is broken"),
        ("a \t b\u{7}c", 20, "a bc"),
        ("你好世界", 3, "你好…"),
        ("cut after a space", 11, "cut after…"),
        ("👩‍👩‍👧 family", 2, "👩…"),
        ("x", 0, ""),
    ] {
        assert_eq!(excerpt(source, max), wanted, "{source:?} at {max}");
    }
}

#[test]
fn keys_and_passwords_are_hidden() {
    // Built from pieces, so that no scanner mistakes this file for a leak.
    let long = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0";
    let secrets = [
        format!("sk-{long}"),
        format!("sk-proj-{long}"),
        format!("sk-ant-api03-{long}"),
        format!("ghp_{long}"),
        format!("github_pat_{long}"),
        format!("glpat-{long}"),
        format!("xoxb-123456789012-{long}"),
        format!("xapp-1-{long}"),
        format!("AIza{long}"),
        format!("hf_{long}"),
        format!("gsk_{long}"),
        format!("npm_{long}"),
        format!("sk_live_{long}"),
        format!("tskey-auth-{long}"),
        "AKIA".to_owned() + "IOSFODNN7EXAMPLE",
        format!("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.{long}"),
        format!("SG.{long}.{long}"),
        format!("pypi-{long}.{long}"),
        format!("123456789:AA{long}"),
    ];
    for secret in &secrets {
        let tail = &secret[secret.len() - 12..];
        for around in [
            "{}",
            "the key is {}, keep it",
            "x=\"{}\"",
            "({})",
            "curl -H 'X-Key: {}'",
            "鍵{}。",
            "https://h.example/?k={}&b",
            "{\"v\":\"{}\"}",
        ] {
            let hidden = redact(&around.replace("{}", secret));
            assert!(!hidden.contains(tail), "{secret} in {around:?} gave {hidden:?}");
            assert!(hidden.contains("[redacted]"), "{hidden:?}");
            assert_eq!(redact(&hidden), hidden, "a second pass changes nothing");
        }
    }
    for (source, wanted) in [
        ("OPENAI_API_KEY=abc123", "OPENAI_API_KEY=[redacted]"),
        ("export DB_PASSWORD='two words' next", "export DB_PASSWORD='[redacted]' next"),
        ("{\"api_key\": \"abc\", \"n\": 1}", "{\"api_key\": \"[redacted]\", \"n\": 1}"),
        ("{\\\"api_key\\\": \\\"abc\\\"}", "{\\\"api_key\\\": \\\"[redacted]\\\"}"),
        ("password: hunter2", "password: [redacted]"),
        ("client_secret: abcdef", "client_secret: [redacted]"),
        ("clientSecret = \"abcdef\"", "clientSecret = \"[redacted]\""),
        ("MY_KEY=zzz;echo hi", "MY_KEY=[redacted];echo hi"),
        ("Authorization: Bearer abc-123-def", "Authorization: Bearer [redacted]"),
        ("postgres://ada:hunter2@db.example/x", "postgres://ada:[redacted]@db.example/x"),
        (
            "a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----\nb",
            "a\n[redacted private key]\nb",
        ),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blbn", "[redacted private key]"),
    ] {
        assert_eq!(redact(source), wanted);
        assert_eq!(redact(wanted), wanted, "a second pass changes nothing");
    }
}

#[test]
fn ordinary_text_stays_as_it_is() {
    for source in [
        "",
        "Nothing to hide.",
        "The token: it was lost.",
        "Press any key: now",
        "primary_key=True and foreign_key=user.id",
        "max_tokens=4096",
        "if token == other {",
        "API_KEY=$OPENAI_API_KEY",
        "api_key = os.environ(\"X\")",
        "password = get_password()",
        "TOKEN=${TOKEN}",
        "sk-learn is fine",
        "bearer of good news and basic understanding",
        "Bearer authentication",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "12:30 and 12345678: ok",
        "https://user@host.example/p",
        "eyJ is how they start",
        "鍵＝值 🙂 \u{0}",
        "task-sk-abc",
        "secret=true",
    ] {
        assert_eq!(redact(source), source);
    }
}
