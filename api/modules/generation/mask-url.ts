/** Where a mask is served; by its content, so that it also leads from a photo whose step is gone. */
export const maskUrl = (hash: string): string => `/api/v1/generation/masks/${hash}`;
