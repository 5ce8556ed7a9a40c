// What a front end writes against the generated types. It is compiled, not run: a wrong name or type fails.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

const shop = createClient<paths>({ baseUrl: "http://127.0.0.1:8080", credentials: "include" });

export async function buy(email: string, password: string): Promise<components["schemas"]["Order"]> {
  const login = await shop.POST("/api/v1/auth/login", { body: { email, password } });
  if (login.error) throw new Error(`${login.error.code}: ${login.error.detail}`);

  const headers = { Authorization: `Bearer ${login.data.accessToken}` };
  const placed = await shop.POST("/api/v1/orders", {
    headers,
    params: { header: { "Idempotency-Key": crypto.randomUUID() } },
    body: { items: [{ productId: "67c8830b7ef1b848ac52ebec", quantity: 1 }] },
  });
  if (placed.error) throw new Error(placed.error.detail);

  const order = await shop.GET("/api/v1/orders/{orderId}", { headers, params: { path: { orderId: placed.data.orderId } } });
  if (order.error) throw new Error(order.error.detail);
  return order.data;
}

export async function whatMustNotCompile(): Promise<void> {
  // @ts-expect-error: there is no such route
  await shop.GET("/api/v1/nothing");
  // @ts-expect-error: the password is missing
  await shop.POST("/api/v1/auth/login", { body: { email: "a@example.com" } });
  // @ts-expect-error: a quantity is a number
  await shop.POST("/api/v1/orders", { body: { items: [{ productId: "p", quantity: "1" }] } });
  // @ts-expect-error: no such state
  await shop.GET("/api/v1/orders", { params: { query: { status: "Lost" } } });
}
