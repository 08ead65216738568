// Whether an element was near the screen once: nothing off screen is read or drawn.
import { useEffect, useState } from "preact/hooks";

export function useNear(place: { current: HTMLElement | null }): boolean {
  const [near, setNear] = useState(false);
  useEffect(() => {
    const seen = new IntersectionObserver(
      (entries) => entries.some((entry) => entry.isIntersecting) && setNear(true),
      { rootMargin: "300px" },
    );
    if (place.current) seen.observe(place.current);
    return () => seen.disconnect();
  }, []);
  return near;
}
