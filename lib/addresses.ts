import { isIP } from "node:net";

/** IPv4 in IPv6 (`::ffff:10.0.0.1`) as IPv4, without zone and brackets, lower case. */
export function plainAddress(address: string): string {
  const bare = address.replace(/^\[|\]$/g, "").replace(/%.*$/, "").toLowerCase();
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(bare);
  return mapped?.[1] ?? bare;
}

/** Whether an IP address is this machine's own loopback. Source: RFC 1122 3.2.1.3, RFC 4291 2.5.3. */
export function isLoopbackAddress(address: string): boolean {
  const plain = plainAddress(address);
  if (isIP(plain) === 4) return plain.startsWith("127.");
  return isIP(plain) === 6 && /^(0{0,4}:){2,7}0{0,3}1$/.test(plain);
}

/** Whether a host name or address to listen on can be reached from this machine only. */
export function isLoopbackHost(host: string): boolean {
  return host.toLowerCase() === "localhost" || isLoopbackAddress(host);
}

/** Whether it is an address, with or without brackets, and not a name. */
export function isAddress(host: string): boolean {
  return isIP(plainAddress(host)) !== 0;
}
