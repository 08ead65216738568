// A text of the URL by which a list is filtered. It counts when the field is left, or by Enter.
import { place, setParameters } from "../state/place";

export function Filter({ name, parameter }: { name: string; parameter: string }) {
  const value = place.value.parameters.get(parameter) ?? "";
  return (
    <label>
      {name}
      <input type="search" value={value} maxLength={500} autocomplete="off" onChange={(event) => setParameters({ [parameter]: event.currentTarget.value.trim(), cursor: "" })} />
    </label>
  );
}
