/** What happened between two looks at the exchange: rates and means of the time between. Pure. */

/**
 * Return how often a second each total grew.
 * @param {any} before an earlier `status`
 * @param {any} now
 * @returns {Record<string, number>}
 */
export function rates(before, now) {
  const seconds = (now.at_ns - before.at_ns) / 1e9;
  return Object.fromEntries(
    Object.entries(now.totals).map(([name, total]) => [name, perSecond(total, before.totals[name], seconds)]),
  );
}

/**
 * Return mean and 99 % mark of each stage: of what came since `before`, or of all when nothing came.
 * @param {any} before
 * @param {any} now
 * @returns {{name: string, meanS: number, mostS: number|null, perSecond: number}[]} `mostS`: 99 % took no longer; null
 *   when they took longer than any bucket holds, or when there were none
 */
export function stages(before, now) {
  const seconds = (now.at_ns - before.at_ns) / 1e9;
  return Object.entries(now.latency).map(([name, { count, mean_s: mean, buckets }]) => {
    const old = before.latency[name];
    // A process that was restarted counts anew.
    const since = old && count > old.count ? old : { count: 0, mean_s: 0, buckets: [] };
    const meanS = count ? (count * mean - since.count * since.mean_s) / (count - since.count) : 0;
    const came = buckets.map((one, at) => Math.max(0, one - (since.buckets[at] ?? 0)));
    return {
      name,
      meanS: Math.max(0, meanS),
      mostS: mark(came, now.latency_bounds_ns, 0.99),
      perSecond: perSecond(count, old?.count, seconds),
    };
  });
}

/** Return the upper end, in seconds, of the bucket in which a share of all is reached. */
function mark(buckets, boundsNs, share) {
  const wanted = share * buckets.reduce((sum, one) => sum + one, 0);
  let seen = 0;
  const at = buckets.findIndex((one) => (seen += one) >= wanted && seen > 0);
  return at >= 0 && at < boundsNs.length ? boundsNs[at] / 1e9 : null;
}

/**
 * Write a span of seconds.
 * @param {number} seconds
 */
export function spanText(seconds) {
  if (seconds >= 1) return `${seconds.toFixed(2)} s`;
  if (seconds >= 1e-3) return `${(seconds * 1e3).toFixed(seconds >= 1e-2 ? 1 : 2)} ms`;
  return `${(seconds * 1e6).toFixed(0)} µs`;
}

/**
 * Write a number of bytes.
 * @param {number} bytes
 */
export function sizeText(bytes) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const at = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  return `${(bytes / 1024 ** at).toFixed(at ? 1 : 0)} ${units[at]}`;
}

function perSecond(now, before = 0, seconds = 1) {
  const grown = now >= before ? now - before : now;
  return seconds > 0 ? grown / seconds : 0;
}
