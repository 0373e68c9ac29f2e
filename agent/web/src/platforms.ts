// Marks of well-known platforms, taken in at build time. Only marks without a licence of their own (CC0) are here;
// everything else is shown with a plain link sign and its name.

import {
  siBandcamp,
  siBluesky,
  siCodeberg,
  siDiscord,
  siFacebook,
  siGithub,
  siGitlab,
  siInstagram,
  siKick,
  siKofi,
  siLiberapay,
  siMastodon,
  siMatrix,
  siPatreon,
  siPixelfed,
  siReddit,
  siRss,
  siSoundcloud,
  siSpotify,
  siSteam,
  siTelegram,
  siThreads,
  siTiktok,
  siTwitch,
  siX,
  siYoutube,
} from 'simple-icons';

/** A chain link, for any other place. */
export const LINK =
  'M10.6 13.4a1 1 0 0 1-1.4 0 4.9 4.9 0 0 1 0-6.9l3.1-3.1a4.9 4.9 0 0 1 6.9 6.9l-1.4 1.4a1 1 0 0 1-1.4-1.4l1.4-1.4a2.9' +
  ' 2.9 0 0 0-4.1-4.1l-3.1 3.1a2.9 2.9 0 0 0 0 4.1 1 1 0 0 1 0 1.4zm2.8-2.8a1 1 0 0 1 1.4 0 4.9 4.9 0 0 1 0 6.9l-3.1 3.1' +
  'a4.9 4.9 0 0 1-6.9-6.9l1.4-1.4a1 1 0 1 1 1.4 1.4l-1.4 1.4a2.9 2.9 0 0 0 4.1 4.1l3.1-3.1a2.9 2.9 0 0 0 0-4.1 1 1 0 0 1 0-1.4z';

const PATHS = new Map(
  [
    siBandcamp,
    siBluesky,
    siCodeberg,
    siDiscord,
    siFacebook,
    siGithub,
    siGitlab,
    siInstagram,
    siKick,
    siKofi,
    siLiberapay,
    siMastodon,
    siMatrix,
    siPatreon,
    siPixelfed,
    siReddit,
    siRss,
    siSoundcloud,
    siSpotify,
    siSteam,
    siTelegram,
    siThreads,
    siTiktok,
    siTwitch,
    siX,
    siYoutube,
  ].map(({ title, path }) => [plain(title), path]),
);
PATHS.set('twitter', siX.path);

/** Outline of the platform's mark in a 24 by 24 box, or null for one without a mark here. */
export function platformIcon(platform: string): string | null {
  return PATHS.get(plain(platform)) ?? null;
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
}
