// A photo from the camera of this machine.

// Open the dialog with what the camera sees. Return the photo as a File, or null if the dialog was closed without one.
export async function openCamera(dialog, live, shoot, close) {
  const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1920 } } });
  live.srcObject = stream;
  shoot.disabled = true; // until there is something to see
  dialog.showModal();
  try {
    await live.play();
    return await new Promise((resolve) => {
      shoot.onclick = async () => resolve(await photo(live));
      close.onclick = () => resolve(null);
      dialog.onclose = () => resolve(null);
      shoot.disabled = false;
    });
  } finally {
    dialog.onclose = null;
    for (const track of stream.getTracks()) track.stop();
    live.srcObject = null;
    dialog.close();
  }
}

async function photo(live) {
  const canvas = new OffscreenCanvas(live.videoWidth, live.videoHeight);
  canvas.getContext("2d").drawImage(live, 0, 0);
  return new File([await canvas.convertToBlob({ type: "image/png" })], "photo.png", { type: "image/png" });
}
