import { HttpFailure, type HttpIntegration, httpIntegration } from "@outrigger/http";

type KakaoAuth = HttpIntegration<"token">;
type KakaoApi = HttpIntegration<"me">;

// #region describe
/** Where codes and refresh tokens become access tokens. */
export function kakaoAuth(baseUrl = "https://kauth.kakao.com"): KakaoAuth {
  return httpIntegration({
    name: "kakao-auth",
    baseUrl,
    timeout: { connect: "3s", read: "5s", total: "12s" }, // a person waits in front of a login
    errorCode: "error_code",
    operations: {
      // A code works once, and a refresh token may be replaced by its use: never sent twice after "maybe".
      token: {
        method: "POST",
        path: "/oauth/token",
        refusals: ["KOE320", "KOE322"], // code unknown or used; refresh token expired or replaced
        notApplied: ["KOE003"], // temporary: try again
      },
    },
  });
}

/** Another host, so another integration: its troubles are its own. */
export function kakaoApi(baseUrl = "https://kapi.kakao.com"): KakaoApi {
  return httpIntegration({
    name: "kakao-api",
    baseUrl,
    timeout: { connect: "3s", read: "5s", total: "12s" },
    operations: { me: { method: "GET", path: "/v2/user/me" } },
  });
}
// #endregion

// #region login
export interface KakaoApp {
  readonly clientId: string;
  readonly redirectUri: string;
}

/** "again": send the customer to Kakao once more. The code may be used up, and only a new one is sure to work. */
export async function login(
  auth: KakaoAuth,
  api: KakaoApi,
  { clientId, redirectUri }: KakaoApp,
  code: string,
): Promise<{ readonly userId: number; readonly refreshToken: string } | "again"> {
  try {
    const form = { grant_type: "authorization_code", client_id: clientId, redirect_uri: redirectUri, code };
    const token = (await auth.request("token", { form })).json<{
      access_token: string;
      refresh_token: string;
    }>();
    const headers = { authorization: `Bearer ${token.access_token}` };
    const { id } = (await api.request("me", { headers })).json<{ id: number }>();
    return { userId: id, refreshToken: token.refresh_token }; // store it before it is used: the next one replaces it
  } catch (error) {
    if (HttpFailure.is(error)) return "again";
    throw error;
  }
}
// #endregion
