/** Encoded polylines (Google's algorithm), precision 5, as [lon, lat] pairs in degrees. */
export type LonLat = [lon: number, lat: number];

export function decodePolyline(text: string, precision = 5): LonLat[] {
  const factor = 10 ** precision;
  const points: LonLat[] = [];
  let at = 0;
  let lat = 0;
  let lon = 0;
  const next = (): number => {
    let shift = 0;
    let value = 0;
    let byte: number;
    do {
      byte = text.charCodeAt(at++) - 63;
      value |= (byte & 0x1f) << shift;
      shift += 5;
    } while (byte >= 0x20 && at < text.length);
    return value & 1 ? ~(value >> 1) : value >> 1;
  };
  while (at < text.length) {
    lat += next();
    lon += next();
    points.push([lon / factor, lat / factor]);
  }
  return points;
}
