declare module 'virtual:emoji' {
  /** Groups with their emoji, and the words by which each is found; made by build/emoji.ts. */
  const groups: [string, [string, string][]][];
  export default groups;
}
