/** Folders that other programs keep beside pictures, by name in lower case. They hold no photos of the owner. */
const folders: Readonly<Record<string, string>> = {
  "@eadir": "Thumbnails of a Synology.",
  "@__thumb": "Thumbnails of a QNAP.",
  "@transcode": "Copies made by a QNAP.",
  "#recycle": "The bin of a Synology.",
  "@recycle": "The bin of a QNAP.",
  "#snapshot": "Snapshots of a Synology.",
  "@recently-snapshot": "Snapshots of a QNAP.",
  "@tmp": "Working files of a Synology.",
  "$recycle.bin": "The bin of Windows.",
  recycler: "The bin of Windows.",
  "system volume information": "Working files of Windows.",
  "network trash folder": "The bin of a file server.",
  "temporary items": "Working files of macOS.",
  "lost+found": "Fragments found by a file system check.",
  "lost.dir": "Fragments found by Android.",
  __macosx: "Added to archives by macOS.",
  captureone: "Previews and settings of Capture One.",
  files_trashbin: "The bin of Nextcloud.",
  files_versions: "Old versions kept by Nextcloud.",
  nksc_param: "Settings of a Nikon program.",
};

const folderEndings: Readonly<Record<string, string>> = {
  ".lrdata": "Previews of Lightroom.",
  ".lrcat-data": "Working files of Lightroom.",
  ".cocatalogdb": "Working files of Capture One.",
};

const files: Readonly<Record<string, string>> = {
  "thumbs.db": "Thumbnails of Windows.",
  "ehthumbs.db": "Thumbnails of Windows.",
  "ehthumbs_vista.db": "Thumbnails of Windows.",
  "desktop.ini": "Settings of Windows.",
  ".ds_store": "Settings of macOS.",
  ".localized": "Settings of macOS.",
  ".nomedia": "A marker file of Android.",
  ".picasa.ini": "Settings of Picasa.",
  "picasa.ini": "Settings of Picasa.",
  "thumbnails-digikam.db": "Thumbnails of digiKam.",
  "digikam4.db": "The database of digiKam.",
  "recognition.db": "The database of digiKam.",
  "zbthumbnail.info": "Thumbnails of a camera.",
};

const fileBeginnings: Readonly<Record<string, string>> = {
  ".trashed-": "Deleted on the phone.",
  ".pending-": "An unfinished file of the phone.",
};

/** In an Apple library only these folders hold the owner's files; the others hold copies and caches. */
const libraryEndings = [".photoslibrary", ".photolibrary", ".migratedphotolibrary", ".aplibrary"];
const libraryOriginals = ["originals", "masters", "modified"];

/** Why a folder is left out; undefined for one that is walked. */
export function whyFolderIsLeftOut(name: string, parent: string | undefined): string | undefined {
  const low = name.toLowerCase();
  const reason = folders[low] ?? byEnding(folderEndings, low);
  if (reason !== undefined) return reason;
  if (low.startsWith("appdata_")) return "Previews and working files of Nextcloud.";
  if (low.startsWith(".")) return "Hidden folders are left out.";
  const isInLibrary = libraryEndings.some((ending) => parent?.toLowerCase().endsWith(ending));
  if (isInLibrary && !libraryOriginals.includes(low))
    return "Copies and caches of an Apple library.";
  return undefined;
}

/** Why a file is left out before it is opened; undefined for all others. */
export function whyFileIsLeftOut(name: string): string | undefined {
  const low = name.toLowerCase();
  const beginning = Object.keys(fileBeginnings).find((start) => low.startsWith(start));
  return files[low] ?? (beginning === undefined ? undefined : fileBeginnings[beginning]);
}

function byEnding(endings: Readonly<Record<string, string>>, name: string): string | undefined {
  const ending = Object.keys(endings).find((end) => name.endsWith(end));
  return ending === undefined ? undefined : endings[ending];
}
