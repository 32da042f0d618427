/**
 * A certificate for `provider.test` and `localhost` that signs itself, valid for a century. Worth nothing outside of
 * these tests. Made with: openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 36500
 * -subj /CN=provider.test -addext subjectAltName=DNS:provider.test,DNS:localhost
 */
export const certificate = `-----BEGIN CERTIFICATE-----
MIIBrDCCAVKgAwIBAgIUCnJbod6ClFc3PzxQ8u9jIvjLqkIwCgYIKoZIzj0EAwIw
GDEWMBQGA1UEAwwNcHJvdmlkZXIudGVzdDAgFw0yNjExMjIxMDMwMzZaGA8yMTI2
MTAyOTEwMzAzNlowGDEWMBQGA1UEAwwNcHJvdmlkZXIudGVzdDBZMBMGByqGSM49
AgEGCCqGSM49AwEHA0IABJ5ngMuJg/oa/Dlblq2bzjXpnrNDExoqcyUswoKDmYAd
GRuYR1BaZUYPrPkXAsfWZqkmjAG9FteFLtZ/d6u+qCOjeDB2MB0GA1UdDgQWBBRj
1lyH8E7whqriNODuBucXcz9q9DAfBgNVHSMEGDAWgBRj1lyH8E7whqriNODuBucX
cz9q9DAPBgNVHRMBAf8EBTADAQH/MCMGA1UdEQQcMBqCDXByb3ZpZGVyLnRlc3SC
CWxvY2FsaG9zdDAKBggqhkjOPQQDAgNIADBFAiAJyG3iTMySI4YHnUBCdUw0jH+J
659m0Dr/7dGmvvXM9QIhAOkt+5KWdKiuiWeEElPWvz954+uQzmOgXwVE9QCS4fOB
-----END CERTIFICATE-----`;

export const privateKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgB2MyA6003vtbMoBu
JvTfgv5VSBeDTieRoGvLcQxfsiWhRANCAASeZ4DLiYP6Gvw5W5atm8416Z6zQxMa
KnMlLMKCg5mAHRkbmEdQWmVGD6z5FwLH1mapJowBvRbXhS7Wf3ervqgj
-----END PRIVATE KEY-----`;
