import { encode } from "../../ingress/terminal/rest.js";
import { importSecret, makePair, sign } from "../../ingress/terminal/signing.js";
import { same } from "./check.js";

const SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";

async function refusal(text) {
  try {
    await importSecret(text);
  } catch (error) {
    return error.message;
  }
  return "none";
}

export const tests = {
  async "the dialect's own example has the signature that its documents give"() {
    const payload = encode({
      symbol: "LTCBTC", side: "BUY", type: "LIMIT", timeInForce: "GTC", quantity: "1", price: "0.1", recvWindow: 5000,
      timestamp: 1499827319559,
    });
    same(await sign(await importSecret(SECRET), payload), "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71");
  },
  async "an Ed25519 key in PEM signs as others do"() {
    const pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIIJEYWtGBrhACmb9Dvy+qa8WEf0lQOl1s4CLIAB9m89u\n-----END PRIVATE KEY-----\n";
    const signer = await importSecret(pem);
    const payload = "A\u0001EXAMPLE\u0001SPOT\u00011\u000120240627-11:17:25.223";
    same(signer.kind, "ED25519");
    same(await sign(signer, payload), "4MHXelVVcpkdwuLbl6n73HQUXUf1dse2PCgT1DYqW9w8AVZ1RACFGM+5UdlGPrQHrgtS3CvsRURC1oj73j8gCA==");
  },
  async "a pair made here signs, and its private half cannot be read"() {
    const pair = await makePair();
    same(pair.publicPem.startsWith("-----BEGIN PUBLIC KEY-----\n"), true);
    same(pair.key.extractable, false);
    same((await sign(pair, "x")).length, 88);
  },
  async "what cannot be a key is refused in words"() {
    same(await refusal("  "), "The secret is empty.");
    same((await refusal("-----BEGIN RSA PRIVATE KEY-----\nAA==\n-----END RSA PRIVATE KEY-----")).includes("PKCS #8"), true);
    same(await refusal("-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----"), "This PEM cannot be read as an Ed25519 private key.");
  },
  "a query keeps its order, encodes its values and leaves out what has none"() {
    same(encode({ b: "1 +&", a: undefined, c: "", d: 0 }), "b=1%20%2B%26&d=0");
  },
};
