/** Something that is being opened, and can be given up at any time. */
export interface Opening<Opened> {
  /** Resolves with what is open; rejects when it cannot be opened, or was given up. */
  opened: Promise<Opened>;
  giveUp(): void;
}

/**
 * Where packets get lost a connection may stand, and what is said first on it come only after seconds: a second one is opened
 * beside the first after so long, spread by a quarter, ms, and no third.
 */
const BESIDE_MS = 1500;

/**
 * The first that is open of two; the other one is given up. One that fails leaves it to the other, where there is one already:
 * nobody asks again who has been refused.
 * @throws what the last of them says
 */
export async function openFirst<Opened>(
  open: () => Opening<Opened>,
  { random = Math.random }: { random?: () => number } = {},
): Promise<Opened> {
  const underWay = new Set<Opening<Opened>>();
  return new Promise<Opened>((resolve, reject) => {
    const attempt = () => {
      const opening = open();
      underWay.add(opening);
      opening.opened.then(
        (opened) => {
          clearTimeout(timer);
          // Both may be open in the same moment.
          if (!underWay.delete(opening)) opening.giveUp();
          for (const other of underWay) other.giveUp();
          underWay.clear();
          resolve(opened);
        },
        (error: unknown) => {
          underWay.delete(opening);
          if (underWay.size > 0) return;
          clearTimeout(timer);
          reject(error);
        },
      );
    };
    const timer = setTimeout(attempt, BESIDE_MS * (0.75 + random() / 2));
    attempt();
  });
}
