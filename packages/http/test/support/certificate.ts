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

/** For the same key and names, over since February 2020. Made with `openssl ca -selfsign -enddate 20200201000000Z`. */
export const expiredCertificate = `-----BEGIN CERTIFICATE-----
MIIBczCCARmgAwIBAgIBATAKBggqhkjOPQQDAjAYMRYwFAYDVQQDDA1wcm92aWRl
ci50ZXN0MB4XDTIwMDEwMTAwMDAwMFoXDTIwMDIwMTAwMDAwMFowGDEWMBQGA1UE
AwwNcHJvdmlkZXIudGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABJ5ngMuJ
g/oa/Dlblq2bzjXpnrNDExoqcyUswoKDmYAdGRuYR1BaZUYPrPkXAsfWZqkmjAG9
FteFLtZ/d6u+qCOjVDBSMAwGA1UdEwQFMAMBAf8wIwYDVR0RBBwwGoINcHJvdmlk
ZXIudGVzdIIJbG9jYWxob3N0MB0GA1UdDgQWBBRj1lyH8E7whqriNODuBucXcz9q
9DAKBggqhkjOPQQDAgNIADBFAiAcfLkzivYp+f3Gf7vlqP2Q0KtfxfQDVHgq/GjO
lWc23QIhANImYKMO+rsfJU+tzTZb/rdN3TW7jw0amprrIJ8rz4xI
-----END CERTIFICATE-----`;

/** For the same key, and for `other.test` alone. */
export const otherCertificate = `-----BEGIN CERTIFICATE-----
MIIBmDCCAT6gAwIBAgIULdppJL/cKnwXjkloIHT+1Mt13BswCgYIKoZIzj0EAwIw
FTETMBEGA1UEAwwKb3RoZXIudGVzdDAgFw0yNjExMjIxMzMwMTdaGA8yMTI2MTAy
OTEzMzAxN1owFTETMBEGA1UEAwwKb3RoZXIudGVzdDBZMBMGByqGSM49AgEGCCqG
SM49AwEHA0IABJ5ngMuJg/oa/Dlblq2bzjXpnrNDExoqcyUswoKDmYAdGRuYR1Ba
ZUYPrPkXAsfWZqkmjAG9FteFLtZ/d6u+qCOjajBoMB0GA1UdDgQWBBRj1lyH8E7w
hqriNODuBucXcz9q9DAfBgNVHSMEGDAWgBRj1lyH8E7whqriNODuBucXcz9q9DAP
BgNVHRMBAf8EBTADAQH/MBUGA1UdEQQOMAyCCm90aGVyLnRlc3QwCgYIKoZIzj0E
AwIDSAAwRQIgeNsDQgGb1mud+wtoJs7LN0LNLkprpCGRjXc1RmfDX7kCIQC3mHxr
FJdyWYWC4KHrY837jFwMrhVfpfNeYR5d2O2beA==
-----END CERTIFICATE-----`;
